//! A group of changes, decided one after the other and committed once.
//!
//! An attempt loads every row the group needs under a lock, runs each member's decision on the row as the
//! members before it left it, and writes each row once. If it breaks a constraint or a decision panics, the group
//! is rolled back and its halves are run by themselves, until the one member stands alone; decisions are pure, so
//! running one again does no harm. A row that cannot be read, or that somebody else keeps locked for too long, is
//! that member's trouble alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use webhook_domain::id::WebhookId;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{ChangeOrder, Creation, Outcome};
use webhook_domain::secret::SecretBytes;
use webhook_domain::webhook::Webhook;
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::connection::AnyConnection;
use crate::dialect::TakenRows;
use crate::failure::{Failure, transact};
use crate::rows::RowError;
use crate::rows::answer::{AnswerRow, slot_key};
use crate::rows::audit::AuditRow;
use crate::rows::webhook::LoadedWebhook;
use crate::sealing::Vault;

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
    Change(ChangeOrder),
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
struct Row {
    loaded: LoadedWebhook,
    after: Option<Webhook>,
}

impl Row {
    fn latest(&self) -> &Webhook {
        self.after.as_ref().unwrap_or(&self.loaded.webhook)
    }

    /// Lets a member leave the row as `webhook`. The database judges what is written, once, so a reference that an
    /// earlier member has set must not be replaced unseen: somebody else's webhook may have it.
    fn replace(&mut self, webhook: Webhook) -> Result<(), Failure> {
        let unseen = self.latest().settings.reference != self.loaded.webhook.settings.reference;
        if unseen && webhook.settings.reference != self.latest().settings.reference {
            return Err(Failure::NotAsOne);
        }
        self.after = Some(webhook);
        Ok(())
    }
}

/// Why a row of the group cannot be changed.
enum Unusable {
    /// It cannot be read.
    Unreadable(RowError),
    /// Somebody else keeps it locked. It is this platform's.
    Locked(String),
}

/// An answer that is stored, or will be.
enum KnownAnswer {
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
}

/// Runs all of `members` in one transaction. The replies stand in the members' order.
pub(crate) fn attempt(
    connection: &mut AnyConnection,
    vault: &Vault,
    members: &[Member],
    taken: TakenRows,
) -> Result<Vec<Reply>, Failure> {
    transact(connection, |connection| {
        let mut attempt = Attempt::load(connection, vault, members, taken)?;
        let run = || {
            let replies = members.iter().map(|member| attempt.run(&member.work));
            replies.collect::<Result<_, Failure>>()
        };
        let replies = catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failure::Panicked))?;
        attempt.save(connection)?;
        Ok(replies)
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
                answers.insert(row.slot.clone(), KnownAnswer::Stored(row));
            }
        }
        Ok(Self {
            vault,
            rows,
            answers,
            created: Vec::new(),
            audit: Vec::new(),
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
            webhook: Box::new(webhook),
            answer,
        }))
    }

    /// What this request was answered before, or why it is refused; none if it is the first of its name.
    fn earlier_answer(&self, key: &[u8], idempotency: &Idempotency) -> Option<Reply> {
        let (same_request, answer) = match self.answers.get(key)? {
            KnownAnswer::Stored(row) if idempotency.has_outlived(row.stored_at()) => return None,
            KnownAnswer::Stored(row) => (
                row.answers(&idempotency.fingerprint),
                row.open(&idempotency.slot, self.vault),
            ),
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
            Some(Ok(row)) if row.latest().platform == order.platform => row,
            Some(Err(Unusable::Unreadable(error))) => {
                return Ok(Err(StoreError::Corrupt(chain(error).into()).into()));
            }
            Some(Err(Unusable::Locked(platform))) if platform == order.platform.as_str() => {
                return Ok(Err(StoreError::Unavailable(LOCKED.into()).into()));
            }
            _ => return Ok(Err(Refusal::NO_SUCH_WEBHOOK.into())),
        };
        let change = match (order.decide)(row.latest()) {
            Ok(change) => change,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        if let Some(audit) = change.audit {
            self.audit.push(AuditRow::encode(&audit)?);
        }
        if let Some(webhook) = change.webhook {
            row.replace(webhook)?;
        }
        Ok(Ok(row.latest().clone()))
    }

    fn save(self, connection: &mut AnyConnection) -> Result<(), Failure> {
        for webhook in &self.created {
            connection.insert_webhook(&LoadedWebhook::encode_new(webhook, self.vault)?)?;
        }
        let mut rings = Vec::new();
        for row in self.rows.into_values().flatten() {
            let Some(after) = &row.after else { continue };
            if after.settings == row.loaded.webhook.settings {
                rings.push(row.loaded.encode_ring(after, self.vault)?);
            } else {
                connection.update_webhook(&row.loaded.encode(after, self.vault)?)?;
            }
        }
        if !rings.is_empty() {
            connection.update_rings(&rings)?;
        }
        if !self.audit.is_empty() {
            connection.insert_audit_records(&self.audit)?;
        }
        let mut new_answers = Vec::new();
        for (key, answer) in self.answers {
            let KnownAnswer::New {
                idempotency,
                answer,
                replaces,
            } = answer
            else {
                continue;
            };
            if replaces {
                connection.delete_answer(&key)?;
            }
            new_answers.push(AnswerRow::encode(key, &idempotency, &answer, self.vault)?);
        }
        if !new_answers.is_empty() {
            connection.insert_answers(&new_answers)?;
        }
        Ok(())
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
    for row in connection.lock_webhooks(&ids, taken)? {
        // An id that cannot be read back was not asked for by any member.
        let Ok(id) = row.id.parse() else { continue };
        let row = LoadedWebhook::decode(row, vault).map(|loaded| Row { loaded, after: None });
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
