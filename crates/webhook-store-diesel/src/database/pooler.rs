//! A pooler in transaction mode gives each transaction whatever session of PostgreSQL is free. What is set for a session then holds for
//! the transactions of others, and not for one's own: time limits, what makes a commit durable, notifications, locks. No statement
//! fails of it, so it is found out when a database is opened.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::result::{DatabaseErrorKind, Error};
use webhook_domain::entropy::Entropy as _;

use crate::database::connection::AnyConnection;
use crate::database::open_error::OpenError;
use crate::{DatabaseUrl, SystemEntropy};

/// How the message ends in which PostgreSQL repeats a value that is no number, whatever its language.
const ELSEWHERE: &str = "is set in another session";

/// Sets a value in the sessions of this connection and another, then has each look for its own. A pooler that has one session free gives it to
/// both; one whose sessions are all in use gives another each time. A server, and a pooler in session mode, keep them apart.
pub(crate) fn refuse(url: &DatabaseUrl, one: &mut PgConnection) -> Result<(), OpenError> {
    // Who can have no second session cannot be told; what needs more says so.
    let Ok(AnyConnection::Postgres(mut other)) = AnyConnection::open(url) else {
        return Ok(());
    };
    let value = drawn();
    set(one, value)?;
    set(&mut other, !value)?;
    expect(one, value)?;
    expect(&mut other, !value)
}

/// A value that nobody else has left in a session.
fn drawn() -> u64 {
    let mut random = [0; 8];
    match SystemEntropy::new().fill(&mut random) {
        Ok(()) => u64::from_be_bytes(random),
        // Few others have the same number at the same time.
        Err(_) => std::process::id().into(),
    }
}

/// In the simple protocol, as [`expect`]: a pooler may lose what was prepared.
fn set(connection: &mut PgConnection, value: u64) -> Result<(), OpenError> {
    connection.batch_execute(&format!("SET webhook.session = '{value}'"))?;
    Ok(())
}

fn expect(connection: &mut PgConnection, value: u64) -> Result<(), OpenError> {
    let question = format!(
        "SELECT CASE current_setting('webhook.session', true) WHEN '{value}' THEN 0 \
         ELSE (coalesce(current_setting('webhook.session', true), '') || ' {ELSEWHERE}')::integer END"
    );
    match connection.batch_execute(&question) {
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, what)) if what.message().contains(ELSEWHERE) => {
            Err(OpenError::Pooler)
        }
        answered => Ok(answered?),
    }
}
