//! By which plan a database finds what a query asks for: of the very statement that is sent, on a connection as the service opens it.

use std::sync::{Arc, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::connection::AnyConnection;

/// The plan of the last statement that `run` sends. Its values are not known to it, as they are not when a statement is prepared once for all.
pub(crate) fn of(connection: &mut AnyConnection, run: impl FnOnce(&mut AnyConnection)) -> String {
    let sent = Arc::new(Mutex::new(String::new()));
    let note = {
        let sent = Arc::clone(&sent);
        move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                *sent.lock().unwrap() = query.to_string();
            }
        }
    };
    instrument(connection, note);
    run(connection);
    instrument(connection, |_: InstrumentationEvent<'_>| {});
    let sent = sent.lock().unwrap().clone();
    let (statement, _) = sent.split_once(" -- binds").unwrap_or((&sent, ""));
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            #[derive(QueryableByName)]
            struct Line {
                #[diesel(sql_type = Text)]
                detail: String,
            }
            let lines: Vec<Line> = sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
                .load(sqlite)
                .unwrap();
            lines.into_iter().map(|line| line.detail + "\n").collect()
        }
        AnyConnection::Postgres(postgres) => {
            #[derive(QueryableByName)]
            struct Line {
                #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
                text: String,
            }
            let values = statement
                .matches('$')
                .map(|_| "NULL")
                .collect::<Vec<_>>()
                .join(", ");
            sql_query(format!("PREPARE explained AS {statement}"))
                .execute(postgres)
                .unwrap();
            let lines: Vec<Line> = sql_query(format!("EXPLAIN (COSTS OFF) EXECUTE explained ({values})"))
                .load(postgres)
                .unwrap();
            sql_query("DEALLOCATE explained").execute(postgres).unwrap();
            lines.into_iter().map(|line| line.text + "\n").collect()
        }
    }
}

fn instrument(connection: &mut AnyConnection, with: impl Instrumentation) {
    match connection {
        AnyConnection::Sqlite(sqlite) => sqlite.set_instrumentation(with),
        AnyConnection::Postgres(postgres) => postgres.set_instrumentation(with),
    }
}
