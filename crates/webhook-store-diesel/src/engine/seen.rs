//! What the writer has seen in the database and goes by, for as long as its connection lasts: the next may lead to a standby that took
//! over and lacks what was seen, where the same number of changes is not the same changes.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use webhook_domain::error::Cause;
use webhook_domain::id::ProcessId;

use crate::DatabaseUrl;
use crate::database::connection::AnyConnection;
use crate::database::opening::open_to_queue;
use crate::events::audience::Audiences;
use crate::lanes::key_uses::KnownUses;
use crate::lanes::own::begin_epochs;

/// The first digits of the name of a file of the write-ahead log. They change when a standby takes over, or a server is put back in time.
const TIMELINE: &str = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS name";

/// Of one connection.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) audiences: Audiences,
    pub(crate) uses: KnownUses,
    /// None on SQLite, and on servers that do not say it.
    timeline: Option<String>,
}

#[derive(QueryableByName)]
struct Timeline {
    #[diesel(sql_type = Text)]
    name: String,
}

impl Seen {
    /// Nothing yet.
    pub(crate) fn on(connection: &mut AnyConnection) -> Self {
        let AnyConnection::Postgres(postgres) = connection else {
            return Self::default();
        };
        let timeline: QueryResult<Timeline> = sql_query(TIMELINE).get_result(postgres);
        Self {
            timeline: timeline.ok().map(|timeline| timeline.name),
            ..Self::default()
        }
    }

    /// Opens another connection, and forgets what was seen on the one before. Where another server has taken over, what `own` remembers of
    /// its lanes may be of commits that are lost: nothing of it is recorded.
    pub(crate) fn reopen(
        &mut self,
        url: &DatabaseUrl,
        own: Option<ProcessId>,
    ) -> Result<AnyConnection, Cause> {
        let mut connection = open_to_queue(url)?;
        let seen = Self::on(&mut connection);
        if self.timeline.is_some()
            && self.timeline != seen.timeline
            && let Some(own) = own
        {
            let lanes = begin_epochs(&mut connection, &own.to_string())?;
            tracing::warn!(
                lanes,
                "another server has taken over; what was under way is dropped, and sent again if need be"
            );
        }
        *self = seen;
        Ok(connection)
    }
}
