//! A session of PostgreSQL's: how it is reached, and the settings that all of them have, whatever the role or the database was given.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::{Connection as _, ConnectionError, QueryResult};

use crate::database::{language, roots};

/// How long PostgreSQL lets a statement wait for a lock, and run, and a transaction do nothing: ours never pauses, so one
/// that does belongs to a process that is frozen or cut off, and all others wait for it. It ends before any of them has waited in vain.
const TIMEOUTS: &str = "SET lock_timeout = '2s'; SET statement_timeout = '30s'; \
     SET idle_in_transaction_session_timeout = '1500ms'; SET client_min_messages = 'warning'";
/// The writer, and the reader of lanes, find their rows by their keys. Left to choose, PostgreSQL reads the whole of a table
/// that was small when it planned, with all the older versions of its rows, or plans such a statement anew each time, which
/// takes longer than running it, or sorts what an index has in order (`bitmapscan`). What has no index and so is read whole all the same, it then takes to be so dear that it
/// compiles the statement first (`jit`), for tens of milliseconds at each execution.
const FINDS_BY_KEY: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; \
     SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

/// What a role or a database may have that is not meant for this service. Of two changes of one row, the second waits for the first,
/// and goes on. Sessions wait for work, and a backup takes as long as it takes. Older servers lack the two timeouts.
const UNLIKE_OTHERS: &str = "SET default_transaction_isolation = 'read committed'; \
     SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')";

pub(crate) fn open(url: &str) -> Result<PgConnection, ConnectionError> {
    let mut connection = PgConnection::establish(&with_network_timeouts(&roots::in_place_of_system(url)))?;
    connection
        .batch_execute(TIMEOUTS)
        .and_then(|()| connection.batch_execute(UNLIKE_OTHERS))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    language::ask_for_english(&mut connection).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Has the session find rows by their keys alone.
pub(crate) fn find_by_key(postgres: &mut PgConnection) -> QueryResult<()> {
    postgres.batch_execute(FINDS_BY_KEY)
}

/// Adds the limits without which a server that fell silent would hold a thread for ever, unless the operator
/// chose others.
fn with_network_timeouts(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [
        ("connect_timeout", "5"),
        ("tcp_user_timeout", "10000"),
        ("application_name", "webhook"),
    ] {
        if !url.contains(name) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use diesel::sql_query;
    use diesel::sql_types::Text;
    use webhook_tests::postgres::Cluster;

    use super::*;

    #[test]
    fn nobody_waits_in_vain_for_a_transaction_that_stands_still() {
        let database = Cluster::shared().create_database();
        let [mut frozen, mut waiting] = [(); 2].map(|()| open(database.url()).unwrap());
        frozen
            .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
            .unwrap();
        waiting.batch_execute("SELECT pg_advisory_xact_lock(1)").unwrap();
        sql_query("COMMIT").execute(&mut frozen).unwrap_err();
    }

    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        value: String,
    }

    #[test]
    fn what_the_database_was_given_for_others_does_not_hold() {
        let database = Cluster::shared().create_database();
        for (setting, given, expected) in [
            ("idle_session_timeout", "1s", "0"),
            ("default_transaction_isolation", "serializable", "read committed"),
            ("statement_timeout", "1ms", "30s"),
            ("lock_timeout", "1ms", "2s"),
        ] {
            database.execute(&format!("ALTER DATABASE {{database}} SET {setting} = '{given}'"));
            let mut session = open(database.url()).unwrap();
            let question = format!("SELECT current_setting('{setting}') AS value");
            let setting: Setting = sql_query(question).get_result(&mut session).unwrap();
            assert_eq!(setting.value, expected);
        }
    }

    #[test]
    fn network_timeouts_are_added_unless_chosen() {
        assert_eq!(
            with_network_timeouts("postgres://h/d"),
            "postgres://h/d?connect_timeout=5&tcp_user_timeout=10000&application_name=webhook"
        );
        assert_eq!(
            with_network_timeouts("postgres://h/d?connect_timeout=1"),
            "postgres://h/d?connect_timeout=1&tcp_user_timeout=10000&application_name=webhook"
        );
    }
}
