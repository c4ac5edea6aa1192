//! Where the database is.
//!
//! A PostgreSQL URL is read by libpq, and what libpq cannot read it repeats in its error: a password with an `@` that is
//! not encoded, for one, half of which it takes for a host. Such a URL is refused here, without a word of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use webhook_domain::InvalidValue;
use webhook_domain::signing::secret::SecretText;

use crate::database::roots;

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
            Some(("postgres" | "postgresql", rest)) => {
                let parts = Parts::of(rest);
                if !parts.are_plain() {
                    return Err(InvalidValue::new(
                        "must be postgres://USER:PASSWORD@HOST:PORT/DATABASE; what is neither a letter nor a digit in the \
                         password must be percent-encoded, `@` as %40",
                    ));
                }
                if parts.query.is_some_and(roots::are_trusted_for_any_name) {
                    return Err(InvalidValue::new(
                        "must have sslmode=verify-full together with sslrootcert=system; without a check of its name, anybody \
                         with a certificate for a name of their own would pass for the server",
                    ));
                }
                Ok(Self::Postgres(SecretText::new(text.to_owned())))
            }
            _ => Err(InvalidValue::new(
                "must be sqlite://PATH (without `?` and `#`) or postgres://…",
            )),
        }
    }
}

/// What libpq finds in a URL behind its scheme (PostgreSQL's manual, 32.1.1.2).
struct Parts<'a> {
    user_info: &'a str,
    /// Hosts, ports and the database.
    place: &'a str,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Self {
        // The first `@` ends the user info, whatever stands before it except a slash.
        let with_user = rest
            .split_once('@')
            .filter(|(user_info, _)| !user_info.contains('/'));
        let (user_info, rest) = with_user.unwrap_or(("", rest));
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        Self {
            user_info,
            place,
            query,
        }
    }

    /// Whether libpq finds each part where it was meant to be, so that no part of a password is taken for another.
    fn are_plain(&self) -> bool {
        let hosts = self.place.split('/').next().unwrap_or_default();
        let decodes = |text| is_percent_encoded(text) && !text.contains('\0');
        decodes(self.user_info)
            && decodes(self.place)
            && decodes(self.query.unwrap_or_default())
            && !self.place.contains('@')
            && hosts.split(',').all(is_host)
            && self.query.is_none_or(|query| query.split('&').all(is_parameter))
    }
}

/// A host or nothing, and perhaps a port.
fn is_host(text: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-%".contains(&byte);
    let address = |byte: u8| byte.is_ascii_alphanumeric() || b":.%".contains(&byte);
    let (is_named, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, rest)) => (inner.bytes().all(address), rest.strip_prefix(':').unwrap_or(rest)),
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            (host.bytes().all(name), port)
        }
    };
    is_named && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name as libpq's parameters have, and a value.
fn is_parameter(text: &str) -> bool {
    let named = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split_once('=')
        .is_some_and(|(name, value)| named(name) && !value.contains('='))
}

/// Whether each `%` begins two hex digits, which are not zero.
fn is_percent_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2).unwrap_or_default();
        digits.len() == 2 && digits != b"00" && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
                write!(f, "postgres://{}", Parts::of(rest).place)
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
        for (text, shown) in [
            (
                "postgres://user:p%40ss@db.example:5432/webhook?password=x",
                "postgres://db.example:5432/webhook",
            ),
            ("postgres://h/d?password=a@hunter2", "postgres://h/d"),
            // For libpq, the user info goes on to the `@`.
            ("postgres://user:p?ss@h/d", "postgres://h/d"),
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), "Postgres(SecretText(…))");
        }
    }

    #[test]
    fn what_libpq_takes_is_taken() {
        for right in [
            "postgres://",
            "postgresql://localhost",
            "postgres:///webhook?host=/run/postgresql",
            "postgres://%2Frun%2Fpostgresql/webhook",
            "postgres://user@h:5433",
            "postgres://user@h:/d",
            "postgres://a:1,b:2/d?target_session_attrs=primary&connect_timeout=10",
            "postgres://u:p%25:#!&=@[::1]:5432,[fe80::1%25eth0]/d%20b",
            "postgres://user:@h/d",
        ] {
            assert!(right.parse::<DatabaseUrl>().is_ok(), "{right}");
        }
    }

    #[test]
    fn roots_of_the_machine_are_trusted_only_for_the_name_of_the_server() {
        for right in [
            "postgres://h/d?sslrootcert=system",
            "postgres://h/d?sslmode=verify-full&sslrootcert=system",
            "postgres://h/d?sslmode=require&sslrootcert=system.pem",
        ] {
            assert!(right.parse::<DatabaseUrl>().is_ok(), "{right}");
        }
        for mode in ["disable", "prefer", "require", "verify-ca", ""] {
            let weak = format!("postgres://u:hunter2@h/d?sslrootcert=system&sslmode={mode}");
            let refusal = weak.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(refusal.contains("sslmode=verify-full"), "{weak}: {refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn a_password_that_libpq_would_take_apart_is_refused_and_not_repeated() {
        for wrong in [
            "postgres://u:hun@ter2@h/d",
            "postgres://u:hun/ter2@h/d",
            "postgres://u:hun/t?er2@h/d",
            "postgres://u:12/hunter2@h/d",
            "postgres://u:hun?/ter2@h/d",
            "postgres://u:hun%ter2@h/d",
            "postgres://u:hunter2%@h/d",
            "postgres://u:hunter2%0@h/d",
            "postgres://u:hunter2%00@h/d",
            "postgres://u:hunter2\0@h/d",
            "postgres://h:hunter2/d",
            "postgres://h/d?hunter2",
            "postgres://h/d?hunter2=x",
            "postgres://h/d?password=hunter=2",
            "postgres://h/d?password=hun&ter2",
            "postgres://h/d?password=hun%ter2",
            "postgres://h/d?",
            "postgres://[::1]hunter2/d",
        ] {
            let refusal = wrong.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(refusal.contains("%40"), "{wrong}: {refusal}");
            assert!(!refusal.contains("hun") && !refusal.contains("ter2"), "{refusal}");
        }
    }
}
