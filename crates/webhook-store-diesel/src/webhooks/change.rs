//! The changes of a group, decided one after the other.
//!
//! Every row that they need is loaded under a lock, each decision is run on the row as the ones before left it, and each row is
//! written once, by [`super::save`]. If that breaks a constraint or a decision panics, the group is rolled back and its parts are
//! run by themselves, until the one change stands alone; decisions are pure, so running one again does no harm. A row that cannot
//! be read, or that somebody else keeps locked for too long, is the trouble of its changes alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use webhook_domain::access::quota::Quota;
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{ChangeOrder, Creation, Effect, Outcome};
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Announcement, Happened, RotationDays, Webhook};
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::answers::row::{AnswerRow, slot_key};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::engine::failure::{Failure, chain};
use crate::engine::group::Changed;
use crate::events::announce::Announced;
use crate::events::audience::Routing;
use crate::events::spread::Spread;
use crate::observer::Audited;
use crate::rotations::steps::Steps;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::known_keys::{KnownKeyRow, ends};
use crate::webhooks::loading::{Row, Unusable, load_rows};

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

    /// Whether it is a step of a rotation, of which there are as many as webhooks.
    pub(crate) fn is_step(&self) -> bool {
        match self {
            Self::Create(_) => false,
            Self::Change(order) => order.settles.is_some(),
        }
    }

    /// How many webhooks its platform may have, where one more is wanted.
    pub(crate) fn quota(&self) -> Option<Quota> {
        match self {
            Self::Create(creation) => creation.quota,
            Self::Change(_) => None,
        }
    }

    fn idempotency(&self) -> Option<&Idempotency> {
        match self {
            Self::Create(creation) => creation.idempotency.as_ref(),
            Self::Change(order) => order.idempotency.as_ref(),
        }
    }
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
    /// The ends of keys that no record tells.
    pub(super) untold_ends: Vec<KnownKeyRow>,
    /// What an observer is told of the records, once they are committed.
    audited: Vec<Audited>,
    announced: Announced,
    /// The steps of rotations that changes are.
    pub(super) steps: Steps,
    /// How many webhooks the platforms have whose quotas are judged, as the members so far left it.
    counts: BTreeMap<String, i64>,
    /// After how many days the deployment has keys due for a roll, if it does.
    default_rotation: Option<RotationDays>,
}

impl Changes {
    /// Runs the decisions of `works`, whose rows are loaded. Gives what they are answered once they are written, in their order. If
    /// a quota is among them, the head of the chain must be locked.
    pub(crate) fn decide(
        &mut self,
        connection: &mut AnyConnection,
        vault: &Vault,
        works: &[&Work],
    ) -> Result<Vec<Changed>, Failure> {
        self.load_answers(connection, vault, works)?;
        self.load_counts(connection, works)?;
        let run = || {
            let replies = works.iter().map(|work| self.run(vault, work));
            replies.collect::<Result<_, Failure>>()
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failure::Panicked))
    }

    /// Loads every row that `works` are about under a lock, behind the rotations that they are steps of.
    pub(crate) fn load(
        connection: &mut AnyConnection,
        vault: &Vault,
        works: &[&Work],
        taken: TakenRows,
        default_rotation: Option<RotationDays>,
        routing: &mut Routing<'_>,
    ) -> Result<Self, Failure> {
        let steps = works.iter().filter_map(|work| match work {
            Work::Change(order) => order.settles,
            Work::Create(_) => None,
        });
        let steps = Steps::lock(connection, steps)?;
        let mut ids: Vec<String> = works
            .iter()
            .filter_map(|work| match work {
                Work::Change(order) => Some(order.webhook.to_string()),
                Work::Create(_) => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = load_rows(connection, vault, ids, taken, default_rotation)?;
        let followed = works.iter().filter_map(|work| work.announces_on());
        let announced = Announced::load(connection, routing, followed.map(ToString::to_string).collect())?;
        Ok(Self {
            rows,
            answers: BTreeMap::new(),
            created: Vec::new(),
            audit: Vec::new(),
            untold_ends: Vec::new(),
            audited: Vec::new(),
            announced,
            steps,
            counts: BTreeMap::new(),
            default_rotation,
        })
    }

    /// Loads what was answered before. After the rows are locked: what another process answered about them is there to be seen.
    fn load_answers(
        &mut self,
        connection: &mut AnyConnection,
        vault: &Vault,
        works: &[&Work],
    ) -> Result<(), Failure> {
        let mut slots: Vec<_> = works
            .iter()
            .filter_map(|work| work.idempotency())
            .map(|i| slot_key(&i.slot))
            .collect();
        slots.sort_unstable();
        slots.dedup();
        if !slots.is_empty() {
            for row in connection.load_answers(&slots)? {
                if !vault.knows_key_of(&row.answer) {
                    handover::learn(connection, vault)?;
                }
                self.answers.insert(row.slot.clone(), KnownAnswer::Stored(row));
            }
        }
        Ok(())
    }

    fn load_counts(&mut self, connection: &mut AnyConnection, works: &[&Work]) -> Result<(), Failure> {
        let limited = works.iter().filter_map(|work| match work {
            Work::Create(creation) if creation.quota.is_some() => Some(creation.webhook.platform.to_string()),
            _ => None,
        });
        self.counts = limited.map(|platform| (platform, 0)).collect();
        if !self.counts.is_empty() {
            let platforms: Vec<&str> = self.counts.keys().map(String::as_str).collect();
            let stored = connection.count_webhooks(&platforms)?;
            self.counts.extend(stored);
        }
        Ok(())
    }

    /// Whether the platform may have another webhook, as the members so far left it.
    fn judge(&mut self, creation: &Creation) -> Result<(), Refusal> {
        let Some(count) = self.counts.get_mut(creation.webhook.platform.as_str()) else {
            return Ok(());
        };
        if let Some(quota) = creation.quota {
            quota.admit(u64::try_from(*count).unwrap_or(0), 1)?;
        }
        *count += 1;
        Ok(())
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
        if let Work::Change(order) = work
            && let Some(step) = order.settles
        {
            match self.steps.admit(step) {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(Outcome::Replayed(SecretBytes::new(Vec::new())))),
                Err(refusal) => return Ok(Err(refusal.into())),
            }
        }
        let webhook = match work {
            Work::Create(creation) => {
                if let Err(refusal) = self.judge(creation) {
                    return Ok(Err(refusal.into()));
                }
                self.audit.push(AuditRow::encode(&creation.audit)?);
                self.audited.push(Audited::of(&creation.audit));
                let webhook = Webhook {
                    default_rotation: self.default_rotation,
                    ..creation.webhook.clone()
                };
                let announcement = creation.announcement.as_ref();
                self.announced
                    .tell(announcement, &[Happened::Created], None, &webhook);
                self.created.push(webhook.clone());
                webhook
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
        let at = change.audit.as_ref().map(|audit| audit.at);
        match &change.effect {
            Effect::Keep => {}
            Effect::Save(after) => {
                self.untold_ends
                    .extend(ends::untold(&latest, Some(&after.key_ring), at));
                let announcement = order.announcement.as_ref();
                self.announced
                    .tell(announcement, change.tells, Some(&latest), after);
            }
            Effect::Delete => {
                self.untold_ends.extend(ends::untold(&latest, None, at));
                let announcement = order.announcement.as_ref();
                self.announced.tell(announcement, change.tells, None, &latest);
            }
        }
        let is_deleted = change.effect == Effect::Delete;
        row.apply(&latest, change.effect)?;
        if is_deleted && let Some(count) = self.counts.get_mut(order.platform.as_str()) {
            *count -= 1;
        }
        if let Some((step, settled)) = order.settles.zip(change.settles) {
            self.steps.settle(step, settled);
        }
        if let Some(audit) = change.audit {
            self.audit.push(AuditRow::encode(&audit)?);
            self.audited.push(Audited::of(&audit));
        }
        Ok(Ok(row.latest().cloned().unwrap_or(latest)))
    }

    /// What an observer is to be told of once the changes are committed.
    pub(crate) fn take_audited(&mut self) -> Vec<Audited> {
        std::mem::take(&mut self.audited)
    }

    /// Whether the decisions leave anything to be written.
    pub(crate) fn has_something_to_write(&self) -> bool {
        let is_new = |answer: &KnownAnswer| matches!(answer, KnownAnswer::New { .. });
        !self.created.is_empty()
            || !self.audit.is_empty()
            || !self.steps.is_empty()
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
                    || after.previous_credentials != before.previous_credentials
            }
            Effect::Delete => true,
        })
    }
}
