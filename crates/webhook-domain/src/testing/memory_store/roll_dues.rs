//! Webhooks whose key is due for a roll.

use super::Tables;
use crate::id::{PlatformId, WebhookId};
use crate::ports::RollDue;
use crate::time::Instant;
use crate::webhook::{NotedRollDue, Webhook};

impl Tables {
    fn noted(&self) -> impl Iterator<Item = (&Webhook, NotedRollDue)> {
        let all = self.webhooks.values();
        all.filter_map(|webhook| Some((webhook, self.of_deployment(webhook).noted_roll_due()?)))
    }

    pub(super) fn due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Vec<RollDue> {
        let is_due = |webhook: &Webhook, noted: &NotedRollDue| {
            !noted.is_done && noted.at <= now && (noted.at, Some(webhook.id)) > after
        };
        let due = self.noted().filter(|(webhook, noted)| is_due(webhook, noted));
        let mut due: Vec<_> = due
            .map(|(webhook, noted)| RollDue {
                at: noted.at,
                platform: webhook.platform.clone(),
                webhook: webhook.id,
            })
            .collect();
        due.sort_by_key(|due| (due.at, due.webhook));
        due.truncate(limit as usize);
        due
    }

    pub(super) fn keys_ahead(&self, latest: Instant, limit: u32) -> Vec<(PlatformId, WebhookId)> {
        let ahead = self.noted().filter(|(_, noted)| noted.counted_from > latest);
        let ahead = ahead.map(|(webhook, _)| (webhook.platform.clone(), webhook.id));
        ahead.take(limit as usize).collect()
    }
}
