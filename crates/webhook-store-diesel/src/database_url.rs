//! Where the database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use webhook_domain::InvalidValue;
use webhook_domain::secret::SecretText;

/// A database: a file of SQLite's, or a PostgreSQL server's. The latter's URL may hold a password, so it is
/// kept as a secret and shown without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite://PATH`, relative to the working directory unless it begins with a slash.
    Sqlite(PathBuf),
    /// `postgres://…` or `postgresql://…`, as libpq takes it.
    Postgres(SecretText),
}

impl FromStr for DatabaseUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() && !path.contains(['\0', '?', '#']) => {
                Ok(Self::Sqlite(path.into()))
            }
            Some(("postgres" | "postgresql", rest)) if !rest.contains('\0') => {
                Ok(Self::Postgres(SecretText::new(text.to_owned())))
            }
            _ => Err(InvalidValue::new(
                "must be sqlite://PATH (without `?` and `#`) or postgres://…",
            )),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                // The query first: what stands in it may hold anything, an `@` too.
                let without_query = url.expose().split('?').next().unwrap_or("");
                let rest = without_query.split_once("://").map_or("", |(_, rest)| rest);
                let without_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                write!(f, "postgres://{without_user}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_sqlite_or_postgres() {
        assert_eq!(
            "sqlite://a/b.db".parse(),
            Ok(DatabaseUrl::Sqlite("a/b.db".into()))
        );
        assert_eq!(
            "sqlite:///a/b.db".parse(),
            Ok(DatabaseUrl::Sqlite("/a/b.db".into()))
        );
        assert!(matches!("postgresql://h/d".parse(), Ok(DatabaseUrl::Postgres(_))));
        for wrong in [
            "",
            "sqlite://",
            "sqlite:a.db",
            "mysql://h/d",
            "a.db",
            "sqlite://a?mode=ro",
        ] {
            assert!(wrong.parse::<DatabaseUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: DatabaseUrl = "postgres://user:p@ss@db.example:5432/webhook?password=x"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5432/webhook");
        assert_eq!(format!("{url:?}"), "Postgres(SecretText(…))");
        let url: DatabaseUrl = "postgres://h/d?password=a@hunter2".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://h/d");
    }
}
