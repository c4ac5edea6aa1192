//! Who keeps tables of this service locked, or has a transaction open, so that a message can name them.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

/// The sessions with locks on tables beside our own, the one with the oldest transaction first. A role without the right to see
/// what others do learns their numbers all the same.
const HOLDERS: &str = "SELECT l.pid, string_agg(DISTINCT c.relname, ', ' ORDER BY c.relname) AS tables, \
     nullif(min(a.application_name), '') AS application, \
     min(a.state) AS state, extract(epoch FROM clock_timestamp() - min(a.xact_start))::bigint AS seconds \
     FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
     WHERE l.granted AND l.pid <> pg_backend_pid() AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     GROUP BY l.pid ORDER BY min(a.xact_start) NULLS LAST, l.pid LIMIT 3";

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Text)]
    tables: String,
    #[diesel(sql_type = Nullable<Text>)]
    application: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    state: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    seconds: Option<i64>,
}

/// Names them; empty if there are none, or they cannot be asked for.
pub(super) fn named(postgres: &mut PgConnection) -> String {
    let holders: Vec<Holder> = sql_query(HOLDERS).load(postgres).unwrap_or_default();
    let named: Vec<String> = holders.into_iter().map(Holder::named).collect();
    named.join("; ")
}

impl Holder {
    fn named(self) -> String {
        let mut about = Vec::new();
        about.extend(self.application);
        about.extend(self.state);
        about.extend(
            self.seconds
                .map(|seconds| format!("its transaction is {seconds} seconds old")),
        );
        let about = match about.is_empty() {
            true => String::new(),
            false => format!(" ({})", about.join(", ")),
        };
        format!("session {}{about} on {}", self.pid, self.tables)
    }
}

/// What is added to a message about a wait: empty if nobody is known to be the cause.
pub(super) fn as_cause(named: &str) -> String {
    match named.is_empty() {
        true => String::new(),
        false => format!(". Locks are held by {named}"),
    }
}
