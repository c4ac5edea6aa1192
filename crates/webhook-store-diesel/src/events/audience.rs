//! Who wants an event, by an index of subscriptions.
//!
//! A platform counts the changes of its subscriptions (`platforms.routing`). What was looked up is kept with that number and
//! used as long as the number is the same, which every transaction asks anew: so it costs the same whether a platform has ten
//! webhooks or fifty thousand that want something else, and nobody who was answered is overlooked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use webhook_domain::delivery::event::Event;
use webhook_domain::id::{PlatformId, WebhookId};

use crate::database::connection::AnyConnection;
use crate::database::schema::subscriptions;
use crate::events::subscription::EVERY_ACTION;

/// How many recipients are kept in all, at 24 bytes each.
const KEPT_RECIPIENTS: usize = 500_000;
/// How many audiences are kept.
const KEPT_AUDIENCES: usize = 10_000;

/// A webhook that wants an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) webhook: WebhookId,
    pub(crate) include_previous_data: bool,
}

/// Those who want an event.
pub(crate) type Audience = Arc<[Recipient]>;

/// The audiences that were looked up.
#[derive(Default)]
pub(crate) struct Audiences {
    known: HashMap<(String, String), Known>,
    recipients: usize,
}

struct Platform {
    /// How often its subscriptions have changed.
    routing: i64,
    /// How many chunks of events wait to be moved into their lanes.
    chunks: i64,
}

struct Known {
    routing: i64,
    audience: Audience,
}

/// The audiences as one transaction sees them.
pub(crate) struct Routing<'a> {
    audiences: &'a mut Audiences,
    /// The platforms. One that is not here has no webhooks.
    platforms: BTreeMap<String, Platform>,
    /// Those whose subscriptions this transaction changes: what it sees may yet be rolled back.
    changed: BTreeSet<String>,
}

impl Audiences {
    /// What a transaction finds that has to do with these platforms.
    pub(crate) fn in_transaction(
        &mut self,
        connection: &mut AnyConnection,
        asked: BTreeSet<String>,
    ) -> QueryResult<Routing<'_>> {
        let asked: Vec<String> = asked.into_iter().collect();
        let found = match asked.is_empty() {
            true => Vec::new(),
            false => connection.load_routing(&asked)?,
        };
        let platforms = found.into_iter().map(|(platform, routing, chunks)| {
            let chunks = chunks.unwrap_or_default();
            (platform, Platform { routing, chunks })
        });
        Ok(Routing {
            audiences: self,
            platforms: platforms.collect(),
            changed: BTreeSet::new(),
        })
    }

    fn keep(&mut self, key: (String, String), known: Known) {
        let more = known.audience.len();
        if self.known.len() >= KEPT_AUDIENCES || self.recipients + more > KEPT_RECIPIENTS {
            self.known.clear();
            self.recipients = 0;
        }
        self.recipients += more;
        if let Some(replaced) = self.known.insert(key, known) {
            self.recipients -= replaced.audience.len();
        }
    }
}

impl Routing<'_> {
    /// How many chunks of events wait on the platform.
    pub(crate) fn chunks_of(&self, platform: &PlatformId) -> i64 {
        let platform = self.platforms.get(platform.as_str());
        platform.map_or(0, |platform| platform.chunks)
    }

    /// Says that the transaction has changed subscriptions of the platform.
    pub(crate) fn has_changed(&mut self, platform: &str) {
        self.changed.insert(platform.to_owned());
    }

    /// Who wants `event`.
    pub(crate) fn of(&mut self, connection: &mut AnyConnection, event: &Event) -> QueryResult<Audience> {
        let (platform, action) = (event.platform.as_str(), event.action.as_str());
        let of_service = event.action.is_of_service();
        self.audience(connection, platform, action, of_service)
    }

    /// Whether anybody on the platform wants one of these actions of the service's own.
    pub(crate) fn has_followers(
        &mut self,
        connection: &mut AnyConnection,
        platform: &str,
        actions: &[&str],
    ) -> QueryResult<bool> {
        for action in actions {
            if !self.audience(connection, platform, action, true)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn audience(
        &mut self,
        connection: &mut AnyConnection,
        platform: &str,
        action: &str,
        of_service: bool,
    ) -> QueryResult<Audience> {
        if self.changed.contains(platform) {
            return look_up(connection, platform, action, of_service);
        }
        let Some(routing) = self.platforms.get(platform).map(|platform| platform.routing) else {
            return Ok(Arc::from([]));
        };
        let key = (platform.to_owned(), action.to_owned());
        if let Some(known) = self.audiences.known.get(&key)
            && known.routing == routing
        {
            return Ok(Arc::clone(&known.audience));
        }
        let audience = look_up(connection, platform, action, of_service)?;
        let known = Known {
            routing,
            audience: Arc::clone(&audience),
        };
        self.audiences.keep(key, known);
        Ok(audience)
    }
}

/// Who wants an action: those who name it, and those who name none, without those who rule it out.
///
/// All are read by one statement, and told apart here. As a join, PostgreSQL has compared each of 50,000 webhooks with each other.
fn look_up(
    connection: &mut AnyConnection,
    platform: &str,
    action: &str,
    of_service: bool,
) -> QueryResult<Audience> {
    let mut actions = vec![action];
    if !of_service {
        actions.push(EVERY_ACTION);
    }
    let rows = subscriptions::table
        .filter(subscriptions::platform.eq(platform))
        .filter(subscriptions::action.eq_any(actions))
        .select((
            subscriptions::webhook_id,
            subscriptions::ruled_out,
            subscriptions::include_previous_data,
        ));
    let mut read = Read::default();
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            for row in rows.load_iter(sqlite)? {
                read.take(row?);
            }
        }
        // Row by row, so that the server is not done before the last one is read: otherwise the transaction would do nothing
        // for as long as it takes to read a million.
        AnyConnection::Postgres(postgres) => {
            for row in rows.load_iter::<_, PgRowByRowLoadingMode>(postgres)? {
                read.take(row?);
            }
        }
    }
    let Read { mut found, ruled_out } = read;
    if !ruled_out.is_empty() {
        found.retain(|recipient| !ruled_out.contains(&recipient.webhook));
    }
    Ok(found.into())
}

/// What was read of subscriptions.
#[derive(Default)]
struct Read {
    found: Vec<Recipient>,
    ruled_out: HashSet<WebhookId>,
}

impl Read {
    fn take(&mut self, (webhook, is_ruled_out, include_previous_data): (String, bool, bool)) {
        let Ok(webhook) = webhook.parse() else {
            tracing::error!(
                webhook.id = webhook,
                "a subscription is that of no webhook; it is passed over"
            );
            return;
        };
        if is_ruled_out {
            self.ruled_out.insert(webhook);
        } else {
            self.found.push(Recipient {
                webhook,
                include_previous_data,
            });
        }
    }
}
