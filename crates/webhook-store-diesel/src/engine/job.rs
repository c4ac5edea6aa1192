//! What the writer is given to do.

use std::time::Instant;

use webhook_domain::ports::Publication;

use crate::DatabaseUrl;
use crate::engine::bulk::Bulk;
use crate::engine::errands::Errand;
use crate::engine::group::{Changed, Member, PublicationReply, TurnsReply};
use crate::engine::queue::Queue;
use crate::lanes::record::Turns;
use crate::webhooks::change::Work;

/// How many changes may wait. More means that the database is far too slow for what is asked of it.
const CAPACITY: usize = 4096;
/// How many steps of rotations one group has. A commit of PostgreSQL's costs as much as many of them, one of SQLite's as much as a dozen.
const STEPS_ON_SQLITE: Bulk = Bulk {
    alone: 64,
    between_others: 16,
    beside_others: 4,
};
const STEPS_ON_POSTGRES: Bulk = Bulk {
    alone: 64,
    between_others: 16,
    beside_others: 8,
};

pub(super) enum Job {
    Change(Member<Work, Changed>),
    Publish(Member<Box<Publication>, PublicationReply>),
    Record(Member<Turns, TurnsReply>),
    Errand(Errand),
}

/// A job, and since when it waits for its turn.
pub(super) struct Queued {
    pub(super) job: Job,
    pub(super) since: Instant,
}

impl Queued {
    /// From now on.
    pub(super) fn now(job: Job) -> Self {
        let since = Instant::now();
        Self { job, since }
    }
}

/// Where jobs wait. Steps of rotations wait [in bulk](Bulk).
pub(super) fn queue(url: &DatabaseUrl) -> Queue<Queued> {
    let steps = match url {
        DatabaseUrl::Sqlite(_) => STEPS_ON_SQLITE,
        DatabaseUrl::Postgres(_) => STEPS_ON_POSTGRES,
    };
    Queue::with_bulk(CAPACITY, steps)
}
