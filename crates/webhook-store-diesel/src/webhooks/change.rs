//! A group of changes, decided one after the other and committed once.
//!
//! An attempt loads every row the group needs under a lock, runs each member's decision on the row as the
//! members before it left it, and writes each row once. If it breaks a constraint or a decision panics, the group
//! is rolled back and its halves are run by themselves, until the one member stands alone; decisions are pure, so
//! running one again does no harm. A row that cannot be read, or that somebody else keeps locked for too long, is
//! that member's trouble alone.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{ChangeOrder, Creation, Effect, Outcome};
use webhook_domain::secret::SecretBytes;
use webhook_domain::webhook::{Happened, Webhook};
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::answers::row::{AnswerRow, slot_key};
use crate::audit::head::{Chain, Keys};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::row::RowError;
use crate::engine::failure::{Failure, transact};
use crate::events::announce::Announced;
use crate::lanes::held_up;
use crate::lanes::notify::Arrived;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

use super::save::{append, going_on, save_answers, save_webhooks};

/// What is said of a row that others keep locked.
const LOCKED: &str = "somebody else keeps the webhook locked";

/// One change, and who waits for it.
pub(crate) struct Member {
    pub(crate) work: Work,
    pub(crate) reply: oneshot::Sender<Reply>,
}

impl Member {
    pub(crate) fn answer(self, reply: Reply) {
        // A caller who has stopped waiting needs no answer.
        let _ = self.reply.send(reply);
    }
}

/// What a member is told.
pub(crate) type Reply = Result<Outcome, ServiceError>;

/// What a member wants.
pub(crate) enum Work {
    Create(Box<Creation>),
    Change(Box<ChangeOrder>),
}

impl Work {
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

/// Everything one attempt works on.
struct Attempt<'a> {
    vault: &'a Vault,
    rows: BTreeMap<WebhookId, Result<Row, Unusable>>,
    answers: BTreeMap<Vec<u8>, KnownAnswer>,
    created: Vec<Webhook>,
    audit: Vec<AuditRow>,
    announced: Announced,
}

/// Runs all of `members` in one transaction, for a process with the id `own` if it delivers. The replies stand in the members'
/// order; with them comes where something has arrived.
pub(crate) fn attempt(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    own: Option<ProcessId>,
    members: &[Member],
    taken: TakenRows,
) -> Result<(Vec<Reply>, Vec<Arrived>), Failure> {
    transact(connection, |connection| {
        let mut attempt = Attempt::load(connection, keys.vault, members, taken)?;
        let run = || {
            let replies = members.iter().map(|member| attempt.run(&member.work));
            replies.collect::<Result<_, Failure>>()
        };
        let replies = catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failure::Panicked))?;
        let arrived = attempt.save(connection, keys, own)?;
        Ok((replies, arrived))
    })
}

impl<'a> Attempt<'a> {
    fn load(
        connection: &mut AnyConnection,
        vault: &'a Vault,
        members: &[Member],
        taken: TakenRows,
    ) -> Result<Self, Failure> {
        let mut ids: Vec<String> = members
            .iter()
            .filter_map(|member| match &member.work {
                Work::Change(order) => Some(order.webhook.to_string()),
                Work::Create(_) => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = load_rows(connection, vault, ids, taken)?;
        let announced = Announced::load(connection, platforms_of(members))?;
        // After the rows are locked: what another process answered about them is there to be seen.
        let mut slots: Vec<_> = members
            .iter()
            .filter_map(|m| m.work.idempotency())
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
            vault,
            rows,
            answers,
            created: Vec::new(),
            audit: Vec::new(),
            announced,
        })
    }

    fn run(&mut self, work: &Work) -> Result<Reply, Failure> {
        let slot = work
            .idempotency()
            .map(|idempotency| (slot_key(&idempotency.slot), idempotency));
        if let Some((key, idempotency)) = &slot
            && let Some(reply) = self.earlier_answer(key, idempotency)
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
    fn earlier_answer(&self, key: &[u8], idempotency: &Idempotency) -> Option<Reply> {
        let (same_request, answer) = match self.answers.get(key)? {
            KnownAnswer::Stored(row) if idempotency.has_outlived(row.stored_at()) => return None,
            KnownAnswer::Stored(row) => (row.answers(&idempotency.fingerprint), row.open(self.vault)),
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

    fn has_nothing_to_write(&self) -> bool {
        let is_new = |answer: &KnownAnswer| matches!(answer, KnownAnswer::New { .. });
        self.created.is_empty()
            && self.audit.is_empty()
            && self.rows.values().flatten().all(|row| row.effect == Effect::Keep)
            && !self.answers.values().any(is_new)
    }

    fn save(
        self,
        connection: &mut AnyConnection,
        keys: Keys<'_>,
        own: Option<ProcessId>,
    ) -> Result<Vec<Arrived>, Failure> {
        if self.has_nothing_to_write() {
            return Ok(Vec::new());
        }
        let mut chain = Chain::lock(connection, keys)?;
        let going_on = going_on(&self.rows);
        let last_audits = append(&mut chain, self.audit, &self.rows);
        let rings = save_webhooks(connection, self.vault, self.rows, &self.created, &last_audits)?;
        save_answers(connection, self.vault, self.answers)?;
        let mut arrived = self.announced.publish(connection, own)?;
        arrived.extend(held_up::let_go_on(connection, own, &going_on)?);
        chain.save(connection, &rings)?;
        Ok(arrived)
    }
}

/// The platforms that members change something on.
fn platforms_of(members: &[Member]) -> BTreeSet<String> {
    let platforms = members.iter().filter_map(|member| match &member.work {
        Work::Create(creation) => creation.announcement.as_ref().map(|_| &creation.webhook.platform),
        Work::Change(order) => order.announcement.as_ref().map(|_| &order.platform),
    });
    platforms.map(ToString::to_string).collect()
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

/// An error and what is behind it, as one text: it is told to every member that asked for the row.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
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
