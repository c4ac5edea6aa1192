//! The language of PostgreSQL's messages.
//!
//! diesel keeps PostgreSQL's codes of errors to itself, but for a few of them. So whether a value is to blame for an error, or the database, is
//! told by the words of the message; see [`is_of_value`](crate::engine::failure::is_of_value). These are English, so each connection asks for
//! English. Only a superuser may, or on PostgreSQL 15 and later a role that was granted it. For others the operator can set it.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

/// How the names of locales begin whose messages are in English.
const ENGLISH: [&str; 4] = ["C", "POSIX", "en", "English"];

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Has the server send messages in English on this connection, where the role may choose.
pub(crate) fn ask_for_english(postgres: &mut PgConnection) -> QueryResult<()> {
    if !is_english(&locale(postgres)?) {
        // Where it is refused, the start has said so.
        let _ = postgres.batch_execute("SET lc_messages = 'C'");
    }
    Ok(())
}

/// Whether messages on this connection are in English.
pub(crate) fn is_english_spoken(postgres: &mut PgConnection) -> QueryResult<bool> {
    Ok(is_english(&locale(postgres)?))
}

/// Says so if messages come in another language nevertheless.
pub(crate) fn warn_of_others(postgres: &mut PgConnection) -> QueryResult<()> {
    let locale = locale(postgres)?;
    if !is_english(&locale) {
        tracing::warn!(
            postgresql.lc_messages = locale,
            "PostgreSQL's messages may be in another language than English, and this role may not change that. A value that PostgreSQL cannot \
             store is then answered with 503 instead of 500, and fails the requests beside it. As a superuser: ALTER ROLE … SET lc_messages = 'C'"
        );
    }
    Ok(())
}

fn locale(postgres: &mut PgConnection) -> QueryResult<String> {
    let setting: Setting =
        sql_query("SELECT current_setting('lc_messages') AS value").get_result(postgres)?;
    Ok(setting.value)
}

/// Whether messages in this locale are in English. One without a name is that of the server's environment, which is not known.
fn is_english(locale: &str) -> bool {
    ENGLISH.iter().any(|english| {
        let rest = locale.strip_prefix(english);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_', '@']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_whose_messages_are_in_english_are_known() {
        for english in [
            "C",
            "POSIX",
            "C.UTF-8",
            "C.utf8",
            "en_US.UTF-8",
            "en_GB",
            "en",
            "English_United States.1252",
        ] {
            assert!(is_english(english), "{english}");
        }
        for other in [
            "",
            "de_DE.UTF-8",
            "ca_ES",
            "fr_FR@euro",
            "German_Germany.1252",
            "es_ES",
            "eo",
            "Chinese_China.936",
        ] {
            assert!(!is_english(other), "{other}");
        }
    }
}
