//! A group of publications and of turns at lanes, committed once.
//!
//! Publications get their positions while the head of all deliveries is locked, until they are there to be seen: so a lane
//! never grows anywhere but at its end, whichever process publishes. A turn is written only if its lane is still the
//! process's own.
//!
//! Locks are taken in one order: the head of the audit records' chain (where something is sealed), the head of deliveries,
//! lanes.

use tokio::sync::oneshot;
use webhook_domain::ServiceError;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Outcome, Publication, Published, Turn};

use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::engine::failure::{Failure, transact};
use crate::events::publish::publish;
use crate::lanes::notify::Arrived;
use crate::lanes::record::record_turns;

/// A publication or turns at lanes, and who waits for them.
pub(crate) struct LaneMember {
    pub(crate) work: LaneWork,
    pub(crate) reply: oneshot::Sender<LaneReply>,
}

impl LaneMember {
    pub(crate) fn answer(self, reply: LaneReply) {
        // A caller who has stopped waiting needs no answer.
        let _ = self.reply.send(reply);
    }
}

/// What a member wants.
pub(crate) enum LaneWork {
    Publish(Box<Publication>),
    Record(ProcessId, Vec<Turn>),
}

/// What a member is told.
pub(crate) type LaneReply = Result<LaneDone, ServiceError>;

/// What was done.
pub(crate) enum LaneDone {
    Published(Outcome<Published>),
    /// All turns but those at these lanes, which were somebody else's.
    Recorded(Vec<WebhookId>),
}

/// Runs all of `works` in one transaction, for a process with the id `own` if it delivers. The replies stand in their
/// order; with them comes where something has arrived.
pub(crate) fn attempt(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    own: Option<ProcessId>,
    works: &[&LaneWork],
) -> Result<(Vec<LaneReply>, Vec<Arrived>), Failure> {
    transact(connection, |connection| {
        let mut replies: Vec<Option<LaneReply>> = works.iter().map(|_| None).collect();
        let head = lock_head(connection, keys, works)?;
        record_turns(connection, works, &mut replies)?;
        let arrived = match head {
            Some(head) => publish(connection, keys, own, works, head, &mut replies)?,
            None => Vec::new(),
        };
        let replies = replies.into_iter().flatten().collect();
        Ok((replies, arrived))
    })
}

/// Locks what publications need, and gives the position of the newest delivery; none if nothing is published.
fn lock_head(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    works: &[&LaneWork],
) -> Result<Option<i64>, Failure> {
    let mut published = works.iter().filter_map(|work| match work {
        LaneWork::Publish(publication) => Some(publication),
        LaneWork::Record(..) => None,
    });
    let Some(first) = published.next() else {
        return Ok(None);
    };
    let has_name = |publication: &Publication| publication.idempotency.is_some();
    if has_name(first) || published.any(|publication| has_name(publication)) {
        // Answers are sealed: under the key that the head of the chain names.
        Chain::lock(connection, keys)?;
    }
    Ok(Some(connection.lock_delivery_head()?))
}
