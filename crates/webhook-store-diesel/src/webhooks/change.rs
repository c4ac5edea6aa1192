//! The changes of a group, decided one after the other.
//!
//! Every row that they need is loaded under a lock, each decision is run on the row as the ones before left it, and each row is
//! written once, by [`super::save`]. If that breaks a constraint or a decision panics, the group is rolled back and its parts are
//! run by themselves, until the one change stands alone; decisions are pure, so running one again does no harm. A row that cannot
//! be read, or that somebody else keeps locked for too long, is the trouble of its changes alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{ChangeOrder, Creation, Effect, Outcome};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Announcement, Happened, Webhook};
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::answers::row::{AnswerRow, slot_key};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::row::RowError;
use crate::engine::failure::{Failure, chain};
use crate::engine::group::Changed;
use crate::events::announce::Announced;
use crate::events::audience::Routing;
use crate::events::spread::Spread;
use crate::lanes::held_up;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

/// What is said of a row that others keep locked.
const LOCKED: &str = "somebody else keeps the webhook locked";

/// What a member wants.
pub(crate) enum Work {
    Create(Box<Creation>),
    Change(Box<ChangeOrder>),
}

impl Work {
    /// The platform on which it is told of, if it is.
    pub(crate) fn announces_on(&self) -> Option<&PlatformId> {
        match self {
            Self::Create(creation) => creation.announcement.as_ref().map(|_| &creation.webhook.platform),
            Self::Change(order) => order.announcement.as_ref().map(|_| &order.platform),
        }
    }

    /// When it is done, as far as that can be told before it is decided.
    pub(crate) fn at(&self) -> Option<Instant> {
        match self {
            Self::Create(creation) => Some(creation.webhook.created_at),
            Self::Change(order) => order.announcement.as_ref().map(Announcement::at),
        }
    }

    fn idempotency(&self) -> Option<&Idempotency> {
        match self {
            Self::Create(creation) => creation.idempotency.as_ref(),
            Self::Change(order) => order.idempotency.as_ref(),
        }
    }
}

/// A row of the group: as it was loaded, and as the members so far left it.
pub(super) struct Row {
    pub(super) loaded: LoadedWebhook,
    pub(super) effect: Effect,
}

impl Row {
    /// The webhook as the members so far left it; none if one of them has deleted it.
    fn latest(&self) -> Option<&Webhook> {
        match &self.effect {
            Effect::Keep => Some(&self.loaded.webhook),
            Effect::Save(after) => Some(after),
            Effect::Delete => None,
        }
    }

    /// Lets a member do this to `latest`. The database judges what is written, once, so a reference that an earlier
    /// member has set must not be replaced unseen: somebody else's webhook may have it.
    fn apply(&mut self, latest: &Webhook, effect: Effect) -> Result<(), Failure> {
        let reference = match &effect {
            Effect::Keep => return Ok(()),
            Effect::Save(after) => after.settings.reference.as_ref(),
            Effect::Delete => None,
        };
        let unseen = latest.settings.reference != self.loaded.webhook.settings.reference;
        if unseen && reference != latest.settings.reference.as_ref() {
            return Err(Failure::NotAsOne);
        }
        self.effect = effect;
        Ok(())
    }
}

/// Why a row of the group cannot be changed.
pub(super) enum Unusable {
    /// It cannot be read.
    Unreadable(RowError),
    /// Somebody else keeps it locked. It is this platform's.
    Locked(String),
}

/// An answer that is stored, or will be.
pub(super) enum KnownAnswer {
    Stored(AnswerRow),
    New {
        idempotency: Idempotency,
        answer: SecretBytes,
        replaces: bool,
    },
}

/// The changes of a group, decided one after the other and not written yet.
pub(crate) struct Changes {
    pub(super) rows: BTreeMap<WebhookId, Result<Row, Unusable>>,
    pub(super) answers: BTreeMap<Vec<u8>, KnownAnswer>,
    pub(super) created: Vec<Webhook>,
    pub(super) audit: Vec<AuditRow>,
    announced: Announced,
}

impl Changes {
    /// Loads every row that `works` are about under a lock, and runs their decisions. Beside the changes come what they are
    /// answered once they are written, in the order of `works`.
    pub(crate) fn decide(
        connection: &mut AnyConnection,
        vault: &Vault,
        works: &[&Work],
        taken: TakenRows,
        routing: &mut Routing<'_>,
    ) -> Result<(Self, Vec<Changed>), Failure> {
        let mut changes = Self::load(connection, vault, works, taken, routing)?;
        let run = || {
            let replies = works.iter().map(|work| changes.run(vault, work));
            replies.collect::<Result<_, Failure>>()
        };
        let replies = catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failure::Panicked))?;
        Ok((changes, replies))
    }

    fn load(
        connection: &mut AnyConnection,
        vault: &Vault,
        works: &[&Work],
        taken: TakenRows,
        routing: &mut Routing<'_>,
    ) -> Result<Self, Failure> {
        let mut ids: Vec<String> = works
            .iter()
            .filter_map(|work| match work {
                Work::Change(order) => Some(order.webhook.to_string()),
                Work::Create(_) => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = load_rows(connection, vault, ids, taken)?;
        let followed = works.iter().filter_map(|work| work.announces_on());
        let announced = Announced::load(connection, routing, followed.map(ToString::to_string).collect())?;
        // After the rows are locked: what another process answered about them is there to be seen.
        let mut slots: Vec<_> = works
            .iter()
            .filter_map(|work| work.idempotency())
            .map(|i| slot_key(&i.slot))
            .collect();
        slots.sort_unstable();
        slots.dedup();
        let mut answers = BTreeMap::new();
        if !slots.is_empty() {
            for row in connection.load_answers(&slots)? {
                if !vault.knows_key_of(&row.answer) {
                    handover::learn(connection, vault)?;
                }
                answers.insert(row.slot.clone(), KnownAnswer::Stored(row));
            }
        }
        Ok(Self {
            rows,
            answers,
            created: Vec::new(),
            audit: Vec::new(),
            announced,
        })
    }

    fn run(&mut self, vault: &Vault, work: &Work) -> Result<Changed, Failure> {
        let slot = work
            .idempotency()
            .map(|idempotency| (slot_key(&idempotency.slot), idempotency));
        if let Some((key, idempotency)) = &slot
            && let Some(reply) = self.earlier_answer(vault, key, idempotency)
        {
            return Ok(reply);
        }
        let webhook = match work {
            Work::Create(creation) => {
                self.audit.push(AuditRow::encode(&creation.audit)?);
                self.announced.tell(
                    creation.announcement.as_ref(),
                    Happened::Created(&creation.webhook),
                );
                self.created.push(creation.webhook.clone());
                creation.webhook.clone()
            }
            Work::Change(order) => match self.change(order)? {
                Ok(webhook) => webhook,
                Err(error) => return Ok(Err(error)),
            },
        };
        let answer = slot.map(|(key, idempotency)| {
            let answer = (idempotency.render)(&webhook, idempotency.at);
            let replaces = self.answers.contains_key(&key);
            let known = KnownAnswer::New {
                idempotency: idempotency.clone(),
                answer: answer.clone(),
                replaces,
            };
            self.answers.insert(key, known);
            answer
        });
        Ok(Ok(Outcome::Done {
            subject: Box::new(webhook),
            answer,
        }))
    }

    /// What this request was answered before, or why it is refused; none if it is the first of its name.
    fn earlier_answer(&self, vault: &Vault, key: &[u8], idempotency: &Idempotency) -> Option<Changed> {
        let (same_request, answer) = match self.answers.get(key)? {
            KnownAnswer::Stored(row) if idempotency.has_outlived(row.stored_at()) => return None,
            KnownAnswer::Stored(row) => (row.answers(&idempotency.fingerprint), row.open(vault)),
            KnownAnswer::New {
                idempotency: earlier,
                answer,
                ..
            } => (earlier.fingerprint == idempotency.fingerprint, Ok(answer.clone())),
        };
        Some(match answer {
            _ if !same_request => Err(Refusal::IdempotencyKeyReused.into()),
            Ok(answer) => Ok(Outcome::Replayed(answer)),
            Err(error) => Err(StoreError::Corrupt(error.into()).into()),
        })
    }

    fn change(&mut self, order: &ChangeOrder) -> Result<Result<Webhook, ServiceError>, Failure> {
        let row = match self.rows.get_mut(&order.webhook) {
            Some(Ok(row)) => row,
            Some(Err(Unusable::Unreadable(error))) => {
                return Ok(Err(StoreError::Corrupt(chain(error).into()).into()));
            }
            Some(Err(Unusable::Locked(platform))) if platform == order.platform.as_str() => {
                return Ok(Err(StoreError::Unavailable(LOCKED.into()).into()));
            }
            _ => return Ok(Err(Refusal::NO_SUCH_WEBHOOK.into())),
        };
        let latest = match row.latest() {
            Some(latest) if latest.platform == order.platform => latest.clone(),
            _ => return Ok(Err(Refusal::NO_SUCH_WEBHOOK.into())),
        };
        let change = match (order.decide)(&latest) {
            Ok(change) => change,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        match &change.effect {
            Effect::Keep => {}
            Effect::Save(after) => self
                .announced
                .tell(order.announcement.as_ref(), Happened::Updated(&latest, after)),
            Effect::Delete => self
                .announced
                .tell(order.announcement.as_ref(), Happened::Deleted(&latest)),
        }
        row.apply(&latest, change.effect)?;
        if let Some(audit) = change.audit {
            self.audit.push(AuditRow::encode(&audit)?);
        }
        Ok(Ok(row.latest().cloned().unwrap_or(latest)))
    }

    /// Whether the decisions leave anything to be written.
    pub(crate) fn has_something_to_write(&self) -> bool {
        let is_new = |answer: &KnownAnswer| matches!(answer, KnownAnswer::New { .. });
        !self.created.is_empty()
            || !self.audit.is_empty()
            || self.rows.values().flatten().any(|row| row.effect != Effect::Keep)
            || self.answers.values().any(is_new)
    }

    /// Puts what there is to tell of the changes into `spread`. They must have been saved.
    pub(crate) fn announce(
        &mut self,
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        spread: &mut Spread,
    ) -> Result<(), Failure> {
        self.announced.publish(connection, routing, spread)
    }

    /// Whether a secret that was stored is not any more, once the changes are saved.
    pub(crate) fn erase_something(&self) -> bool {
        self.rows.values().flatten().any(|row| match &row.effect {
            Effect::Keep => false,
            Effect::Save(after) => {
                let before = &row.loaded.webhook;
                after.key_ring.has_let_go_of_a_key_of(&before.key_ring)
                    || after.settings.authentication != before.settings.authentication
            }
            Effect::Delete => true,
        })
    }
}

/// Loads and locks the rows of a group.
fn load_rows(
    connection: &mut AnyConnection,
    vault: &Vault,
    mut ids: Vec<String>,
    taken: TakenRows,
) -> Result<BTreeMap<WebhookId, Result<Row, Unusable>>, Failure> {
    let mut rows = BTreeMap::new();
    if ids.is_empty() {
        return Ok(rows);
    }
    for (row, is_held_up) in connection.lock_webhooks(&ids, taken)? {
        // An id that cannot be read back was not asked for by any member.
        let Ok(id) = row.id.parse() else { continue };
        let mut loaded = decode(connection, vault, row)?;
        if let Ok(loaded) = &mut loaded
            && is_held_up
        {
            loaded.webhook.held_up = held_up::read(connection, id)?;
        }
        let row = loaded.map(|loaded| Row {
            loaded,
            effect: Effect::Keep,
        });
        rows.insert(id, row.map_err(Unusable::Unreadable));
    }
    if taken == TakenRows::Skip {
        ids.retain(|id| id.parse().is_ok_and(|id: WebhookId| !rows.contains_key(&id)));
        for (id, platform) in connection.platforms_of(&ids)? {
            let Ok(id) = id.parse() else { continue };
            rows.insert(id, Err(Unusable::Locked(platform)));
        }
    }
    Ok(rows)
}

/// Reads a row; one that is sealed under a master key not known yet, once that is.
fn decode(
    connection: &mut AnyConnection,
    vault: &Vault,
    row: WebhookRow,
) -> Result<Result<LoadedWebhook, RowError>, Failure> {
    match LoadedWebhook::decode(row.clone(), vault) {
        Err(error) if error.is_of_other_master_key() => {
            handover::learn(connection, vault)?;
            Ok(LoadedWebhook::decode(row, vault))
        }
        decoded => Ok(decoded),
    }
}
