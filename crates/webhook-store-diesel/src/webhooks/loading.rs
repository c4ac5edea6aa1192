//! The rows of a group: loaded under a lock, each by itself, and as the members of the group leave them.

use std::collections::BTreeMap;

use webhook_domain::id::WebhookId;
use webhook_domain::ports::Effect;
use webhook_domain::webhook::{RotationDays, Webhook};

use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::row::RowError;
use crate::engine::failure::Failure;
use crate::lanes::held_up;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::row::{LoadedWebhook, WebhookRow};

/// A row of the group: as it was loaded, and as the members so far left it.
pub(super) struct Row {
    pub(super) loaded: LoadedWebhook,
    pub(super) effect: Effect,
}

impl Row {
    /// The webhook as the members so far left it; none if one of them has deleted it.
    pub(super) fn latest(&self) -> Option<&Webhook> {
        match &self.effect {
            Effect::Keep => Some(&self.loaded.webhook),
            Effect::Save(after) => Some(after),
            Effect::Delete => None,
        }
    }

    /// Lets a member do this to `latest`. The database judges what is written, once, so a reference that an earlier
    /// member has set must not be replaced unseen: somebody else's webhook may have it.
    pub(super) fn apply(&mut self, latest: &Webhook, effect: Effect) -> Result<(), Failure> {
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

/// Loads and locks the rows of a group, of a deployment that has keys due for a roll after so many days.
pub(super) fn load_rows(
    connection: &mut AnyConnection,
    vault: &Vault,
    mut ids: Vec<String>,
    taken: TakenRows,
    default_rotation: Option<RotationDays>,
) -> Result<BTreeMap<WebhookId, Result<Row, Unusable>>, Failure> {
    let mut rows = BTreeMap::new();
    if ids.is_empty() {
        return Ok(rows);
    }
    for (row, is_held_up) in connection.lock_webhooks(&ids, taken)? {
        // An id that cannot be read back was not asked for by any member.
        let Ok(id) = row.id.parse() else { continue };
        let mut loaded = decode(connection, vault, row)?;
        if let Ok(loaded) = &mut loaded {
            loaded.webhook.default_rotation = default_rotation;
            if is_held_up {
                loaded.webhook.held_up = held_up::read(connection, id)?;
            }
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
