//! What is shown of the keys of rotations.
//!
//! It is noted beside the webhook of the rotation, in the transaction that records what was shown, and found by the webhook and its key.
//! That happens once for a roll, if at all; so counting who has adopted their key reads an index of those alone.

use diesel::prelude::*;
use webhook_domain::webhook::Webhook;

use crate::database::connection::AnyConnection;
use crate::database::schema::rotation_webhooks;
use crate::engine::failure::Failure;

/// What a transaction has shown of the current keys of webhooks.
#[derive(Default)]
pub(crate) struct Adoptions(Vec<(String, String, bool)>);

impl Adoptions {
    /// Takes what was shown between `before` and `after`, if anything was.
    pub(crate) fn change(&mut self, before: &Webhook, after: &Webhook) {
        let (was, is) = (&before.key_ring, &after.key_ring);
        let (Some(same), Some(current)) = (was.current(), is.current()) else {
            return;
        };
        if same.id == current.id && was.adoption() != is.adoption() {
            let key = current.id.to_string();
            self.0.push((after.id.to_string(), key, is.adoption().is_some()));
        }
    }

    /// Writes it.
    pub(crate) fn save(self, connection: &mut AnyConnection) -> Result<(), Failure> {
        for (webhook, key, is_adopted) in self.0 {
            let of_webhook = rotation_webhooks::table.filter(rotation_webhooks::webhook_id.eq(webhook));
            diesel::update(of_webhook.filter(rotation_webhooks::key_id.eq(key)))
                .set(rotation_webhooks::adopted.eq(is_adopted))
                .execute(connection)?;
        }
        Ok(())
    }
}

/// How many webhooks of the rotation have adopted their key.
pub(super) fn count(connection: &mut AnyConnection, rotation: &str) -> QueryResult<i64> {
    rotation_webhooks::table
        .filter(rotation_webhooks::rotation_id.eq(rotation))
        .filter(rotation_webhooks::adopted)
        .count()
        .get_result(connection)
}
