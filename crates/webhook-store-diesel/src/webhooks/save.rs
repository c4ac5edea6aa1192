//! What a group leaves in the tables, written once its members have all been decided.

use std::collections::BTreeMap;

use webhook_domain::id::WebhookId;
use webhook_domain::ports::Effect;
use webhook_domain::webhook::Webhook;

use super::change::{KnownAnswer, Row, Unusable};
use crate::answers::row::AnswerRow;
use crate::audit::head::Chain;
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::lanes::held_up;
use crate::sealing::Vault;
use crate::webhooks::row::{LoadedWebhook, RingColumns};

/// Where the newest audit record of each resource of the group stands.
pub(super) type LastAudits = BTreeMap<String, i64>;

/// Puts the records at the end of the chain.
pub(super) fn append(
    chain: &mut Chain<'_>,
    records: Vec<AuditRow>,
    rows: &BTreeMap<WebhookId, Result<Row, Unusable>>,
) -> LastAudits {
    let mut last_audits: LastAudits = rows
        .values()
        .flatten()
        .filter_map(|row| Some((row.loaded.webhook.id.to_string(), row.loaded.last_audit?)))
        .collect();
    for record in records {
        let resource = record.resource_id.clone();
        let previous = last_audits.get(&resource).copied();
        last_audits.insert(resource, chain.append(record, previous));
    }
    last_audits
}

/// Writes what has changed in webhooks, save for those whose rings alone did: their columns are given back.
pub(super) fn save_webhooks(
    connection: &mut AnyConnection,
    vault: &Vault,
    rows: BTreeMap<WebhookId, Result<Row, Unusable>>,
    created: &[Webhook],
    last_audits: &LastAudits,
) -> Result<Vec<RingColumns>, Failure> {
    let last_audit_of = |id: WebhookId| last_audits.get(&id.to_string()).copied();
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    let mut rings = Vec::new();
    let mut audited = Vec::new();
    let rows: Vec<_> = rows.into_values().flatten().collect();
    // What goes comes first: its reference is free for what comes.
    for row in rows.iter().filter(|row| row.effect == Effect::Delete) {
        let webhook = &row.loaded.webhook;
        connection.delete_webhook(webhook, last_audit_of(webhook.id))?;
        *counts.entry(webhook.platform.as_str()).or_default() -= 1;
    }
    for webhook in created {
        let row = LoadedWebhook::encode_new(webhook, last_audit_of(webhook.id), vault)?;
        connection.insert_webhook(&row)?;
        *counts.entry(webhook.platform.as_str()).or_default() += 1;
    }
    for row in &rows {
        let last_audit = last_audit_of(row.loaded.webhook.id);
        match &row.effect {
            Effect::Save(after) if after.settings == row.loaded.webhook.settings => {
                rings.push(row.loaded.encode_ring(after, last_audit, vault)?);
            }
            Effect::Save(after) => {
                connection.update_webhook(&row.loaded.encode(after, last_audit, vault)?)?;
                connection.move_update(&row.loaded.moved_by(after))?;
            }
            Effect::Keep if last_audit != row.loaded.last_audit => {
                audited.extend(last_audit.map(|last| (row.loaded.webhook.id.to_string(), last)));
            }
            Effect::Keep | Effect::Delete => {}
        }
    }
    for (id, last_audit) in audited {
        connection.note_last_audit(&id, last_audit)?;
    }
    for (platform, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
        connection.count_webhooks(platform, count)?;
    }
    Ok(rings)
}

/// The webhooks whose queues go on after what was changed of them, as they were and as they are.
pub(super) fn going_on(rows: &BTreeMap<WebhookId, Result<Row, Unusable>>) -> Vec<(Webhook, Webhook)> {
    let changed = rows.values().flatten().filter_map(|row| match &row.effect {
        Effect::Save(after) => Some((&row.loaded.webhook, after.as_ref())),
        Effect::Keep | Effect::Delete => None,
    });
    changed
        .filter(|(before, after)| held_up::goes_on(before, after))
        .map(|(before, after)| (before.clone(), after.clone()))
        .collect()
}

pub(super) fn save_answers(
    connection: &mut AnyConnection,
    vault: &Vault,
    answers: BTreeMap<Vec<u8>, KnownAnswer>,
) -> Result<(), Failure> {
    let mut new_answers = Vec::new();
    for (key, answer) in answers {
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
