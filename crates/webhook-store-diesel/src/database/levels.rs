//! Which releases may run on a schema.
//!
//! A release has a level, and the schema says two: that of the newest release that has migrated it, and the oldest level that may still
//! run on it. A migration that only adds leaves the oldest one as it is. So while the processes of a fleet are replaced one after the
//! other, those of the release before go on, and one of them may be started again. A migration that they could not live with raises the
//! oldest level: older processes are then refused when they start, and those that run notice it within a second
//! ([`sample`](crate::sample)), or when they next write an audit record, under the lock of the row that says it.

use diesel::prelude::*;
use diesel::result::Error;

use crate::database::connection::AnyConnection;
use crate::database::schema::audit_chain;

/// The level of this release. Each migration raises it by one, here and in `audit_chain.newest_level`.
pub(crate) const SCHEMA_LEVEL: i64 = 35;
/// The oldest level that may run on the schema of this release. A migration that older processes could not live with raises it, here
/// and in the column that is called `audit_chain.schema_level` since releases before this one read it.
pub(crate) const OLDEST_LEVEL: i64 = 21;

/// What is said to whoever wants something of a process that is too old.
pub(crate) const SUPERSEDED: &str =
    "a newer release has migrated the database; stop this process and start the newer one";

/// What a schema says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub(crate) struct Levels {
    /// That of the newest release that has migrated it.
    pub(crate) newest: i64,
    /// The oldest that may run on it.
    pub(crate) oldest: i64,
}

impl Levels {
    /// Reads them from a schema that has all of this release's migrations. None before the first process has opened the database.
    pub(crate) fn read(connection: &mut AnyConnection) -> QueryResult<Option<Self>> {
        audit_chain::table
            .find(1)
            .select((audit_chain::newest_level, audit_chain::oldest_level))
            .get_result(connection)
            .optional()
    }

    /// Whether this release may run on it.
    pub(crate) const fn admit_this_release(self) -> bool {
        self.oldest <= SCHEMA_LEVEL
    }
}

/// Refuses to go on if the schema takes only newer releases than this one.
pub(crate) fn admit(oldest_level: i64) -> QueryResult<()> {
    match oldest_level > SCHEMA_LEVEL {
        true => Err(Error::QueryBuilderError(SUPERSEDED.into())),
        false => Ok(()),
    }
}
