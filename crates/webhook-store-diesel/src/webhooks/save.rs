//! What the changes of a group leave in the tables, written once they have all been decided.

use std::collections::BTreeMap;

use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::Effect;
use webhook_domain::webhook::Webhook;

use super::change::{Changes, KnownAnswer};
use crate::answers::row::AnswerRow;
use crate::audit::head::Chain;
use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::events::audience::Routing;
use crate::events::subscription::SubscriptionRow;
use crate::lanes::row::NewLaneRow;
use crate::rotations::Adoptions;
use crate::sealing::Vault;
use crate::webhooks::key_counts::KeyCounts;
use crate::webhooks::previous_credentials::note_expiry;
use crate::webhooks::roll_due_row::RollDueColumns;
use crate::webhooks::row::{ExpiryColumns, LoadedWebhook, RingColumns};

/// Where the newest audit record of each resource of the group stands.
type LastAudits = BTreeMap<String, i64>;

/// What is written last, because others wait for it: the head of the chain, and the rings that changed alone.
pub(crate) struct Saved<'a> {
    chain: Chain<'a>,
    rings: Vec<RingColumns>,
}

impl Saved<'_> {
    pub(crate) fn finish(self, connection: &mut AnyConnection) -> Result<(), Failure> {
        self.chain.save(connection, &self.rings)
    }
}

/// How a platform changes.
#[derive(Default)]
struct PlatformChange {
    /// So many webhooks more.
    webhooks: i64,
    /// Whether somebody wants something else.
    routing: bool,
}

impl Changes {
    /// Writes webhooks, what they subscribe to, and the lanes of new ones. What became of the lanes of others is written with
    /// the group's lanes. `own` is the process that this store delivers for, if it does: new lanes are its own.
    pub(crate) fn save<'a>(
        &mut self,
        connection: &mut AnyConnection,
        vault: &Vault,
        mut chain: Chain<'a>,
        own: Option<ProcessId>,
        routing: &mut Routing<'_>,
    ) -> Result<Saved<'a>, Failure> {
        let last_audits = self.append_records(&mut chain);
        let last_audit_of = |id: WebhookId| last_audits.get(&id.to_string()).copied();
        let mut platforms: BTreeMap<String, PlatformChange> = BTreeMap::new();
        let mut rings = Vec::new();
        let rows: Vec<_> = self.rows.values().flatten().collect();
        // What goes comes first: its reference is free for what comes.
        for row in rows.iter().filter(|row| row.effect == Effect::Delete) {
            let webhook = &row.loaded.webhook;
            connection.delete_webhook(webhook, last_audit_of(webhook.id))?;
            platforms
                .entry(webhook.platform.to_string())
                .or_default()
                .webhooks -= 1;
        }
        for webhook in &self.created {
            let row = LoadedWebhook::encode_new(webhook, last_audit_of(webhook.id), vault)?;
            connection.insert_webhook(&row)?;
            note_expiry(connection, None, webhook)?;
            platforms
                .entry(webhook.platform.to_string())
                .or_default()
                .webhooks += 1;
        }
        let lanes: Vec<NewLaneRow> = self
            .created
            .iter()
            .map(|webhook| NewLaneRow::new(webhook, own))
            .collect();
        if !lanes.is_empty() {
            connection.insert_lanes(&lanes)?;
        }
        for row in &rows {
            let last_audit = last_audit_of(row.loaded.webhook.id);
            match &row.effect {
                Effect::Save(after) if row.loaded.differs_in_ring_alone(after) => {
                    rings.push(row.loaded.encode_ring(after, last_audit, vault)?);
                }
                Effect::Save(after) => {
                    connection.update_webhook(&row.loaded.encode(after, last_audit, vault)?)?;
                    connection.move_update(&row.loaded.moved_by(after))?;
                    note_expiry(connection, Some(&row.loaded.webhook), after)?;
                }
                Effect::Keep if last_audit != row.loaded.last_audit => {
                    if let Some(last_audit) = last_audit {
                        connection.note_last_audit(&row.loaded.webhook.id.to_string(), last_audit)?;
                    }
                }
                Effect::Keep | Effect::Delete => {}
            }
        }
        self.steps.save(connection)?;
        self.adoptions().save(connection)?;
        self.key_counts().save(connection)?;
        if !self.untold_ends.is_empty() {
            self.untold_ends.sort_unstable();
            connection.note_keys(&self.untold_ends)?;
        }
        let expiries = self.expiries();
        if !expiries.is_empty() {
            connection.move_expiries(&expiries)?;
        }
        let dues = self.roll_dues();
        if !dues.is_empty() {
            connection.note_roll_dues(&dues)?;
        }
        for platform in self.save_subscriptions(connection)? {
            routing.has_changed(&platform);
            platforms.entry(platform).or_default().routing = true;
        }
        for (platform, change) in platforms {
            if change.webhooks != 0 || change.routing {
                connection.change_platform(&platform, change.webhooks, change.routing)?;
            }
        }
        Ok(Saved { chain, rings })
    }

    /// Puts the records at the end of the chain.
    fn append_records(&mut self, chain: &mut Chain<'_>) -> LastAudits {
        let rows = self.rows.values().flatten();
        let mut last_audits: LastAudits = rows
            .filter_map(|row| Some((row.loaded.webhook.id.to_string(), row.loaded.last_audit?)))
            .collect();
        for record in std::mem::take(&mut self.audit) {
            let resource = record.resource_id.clone();
            let previous = last_audits.get(&resource).copied();
            last_audits.insert(resource, chain.append(record, previous));
        }
        last_audits
    }

    /// How the numbers of keys change.
    fn key_counts(&self) -> KeyCounts {
        let mut counts = KeyCounts::default();
        for row in self.rows.values().flatten() {
            let before = Some(&row.loaded.webhook);
            match &row.effect {
                Effect::Keep => {}
                Effect::Save(after) => counts.change(before, Some(after)),
                Effect::Delete => counts.change(before, None),
            }
        }
        for webhook in &self.created {
            counts.change(None, Some(webhook));
        }
        counts
    }

    /// What was shown of current keys.
    fn adoptions(&self) -> Adoptions {
        let mut adoptions = Adoptions::default();
        for row in self.rows.values().flatten() {
            if let Effect::Save(after) = &row.effect {
                adoptions.change(&row.loaded.webhook, after);
            }
        }
        adoptions
    }

    /// When keys expire next, where that changes.
    fn expiries(&self) -> Vec<ExpiryColumns> {
        let changed = self.rows.values().flatten().filter_map(|row| {
            let before = Some(&row.loaded.webhook);
            match &row.effect {
                Effect::Keep => None,
                Effect::Save(after) => ExpiryColumns::of(before, Some(after)),
                Effect::Delete => ExpiryColumns::of(before, None),
            }
        });
        let created = self
            .created
            .iter()
            .filter_map(|webhook| ExpiryColumns::of(None, Some(webhook)));
        changed.chain(created).collect()
    }

    /// When keys are due for a roll, where that changes.
    fn roll_dues(&self) -> Vec<RollDueColumns> {
        let changed = self.rows.values().flatten().filter_map(|row| match &row.effect {
            Effect::Keep | Effect::Delete => None,
            Effect::Save(after) => RollDueColumns::after(Some(&row.loaded.webhook), after),
        });
        let created = self.created.iter();
        let created = created.filter_map(|webhook| RollDueColumns::after(None, webhook));
        changed.chain(created).collect()
    }

    /// Writes what has changed in subscriptions, and names the platforms where something has.
    fn save_subscriptions(&self, connection: &mut AnyConnection) -> Result<Vec<String>, Failure> {
        let changed = self.rows.values().flatten().filter_map(|row| match &row.effect {
            Effect::Keep => None,
            Effect::Save(after) => Some((Some(&row.loaded.webhook), Some(after.as_ref()))),
            Effect::Delete => Some((Some(&row.loaded.webhook), None)),
        });
        let created = self.created.iter().map(|webhook| (None, Some(webhook)));
        let (mut gone, mut new, mut platforms) = (Vec::new(), Vec::new(), Vec::new());
        for (before, after) in changed.chain(created) {
            let rows = |webhook: Option<&Webhook>| webhook.map(SubscriptionRow::of).unwrap_or_default();
            if before.map(|before| &before.settings) == after.map(|after| &after.settings) {
                continue;
            }
            let (before, after) = (rows(before), rows(after));
            let changes = before.iter().chain(&after).next().map(|row| row.platform.clone());
            if before != after {
                platforms.extend(changes);
            }
            gone.extend(before.iter().filter(|row| !after.contains(row)).cloned());
            new.extend(after.into_iter().filter(|row| !before.contains(row)));
        }
        if !gone.is_empty() {
            connection.delete_subscriptions(&gone)?;
        }
        if !new.is_empty() {
            connection.insert_subscriptions(&new)?;
        }
        platforms.sort_unstable();
        platforms.dedup();
        Ok(platforms)
    }

    /// Stores the answers to requests with a name.
    pub(crate) fn save_answers(
        &mut self,
        connection: &mut AnyConnection,
        vault: &Vault,
    ) -> Result<(), Failure> {
        let mut new_answers = Vec::new();
        for (key, answer) in std::mem::take(&mut self.answers) {
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
            new_answers.push(AnswerRow::encode(key, &idempotency, &answer, vault)?);
        }
        if !new_answers.is_empty() {
            connection.insert_answers(&new_answers)?;
        }
        Ok(())
    }
}
