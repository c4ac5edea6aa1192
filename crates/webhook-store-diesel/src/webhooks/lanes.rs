//! What the changes of a group do to lanes.
//!
//! A change of where or whether a webhook is sent to has its lane looked at; a webhook that is deleted has none any more.

use webhook_domain::delivery::lane::LaneState;
use webhook_domain::delivery::notice::Notice;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::Effect;
use webhook_domain::time::Instant;

use crate::database::connection::AnyConnection;
use crate::engine::failure::Failure;
use crate::lanes::locked::LockedLanes;
use crate::webhooks::change::Changes;

impl Changes {
    /// The webhooks whose lanes the changes concern. They are to be locked before they are [changed](Self::change_lanes).
    pub(crate) fn lanes(&self) -> impl Iterator<Item = WebhookId> {
        let concerned = self.rows.values().flatten().filter(|row| match &row.effect {
            Effect::Keep => false,
            Effect::Save(after) => LaneState::is_concerned_by(&row.loaded.webhook.settings, &after.settings),
            Effect::Delete => true,
        });
        concerned.map(|row| row.loaded.webhook.id)
    }

    /// When the webhooks that are saved were updated last.
    pub(crate) fn last_updated_at(&self) -> Option<Instant> {
        let saved = self.rows.values().flatten().filter_map(|row| match &row.effect {
            Effect::Save(after) => Some(after.updated_at),
            Effect::Keep | Effect::Delete => None,
        });
        saved.max()
    }

    /// Has lanes be what the changes make of them, and says what there is to tell of it.
    pub(crate) fn change_lanes(
        &self,
        connection: &mut AnyConnection,
        lanes: &mut LockedLanes,
    ) -> Result<Vec<Notice>, Failure> {
        let mut notices = Vec::new();
        for row in self.rows.values().flatten() {
            let before = &row.loaded.webhook;
            match &row.effect {
                Effect::Delete => lanes.delete(connection, before.id)?,
                Effect::Save(after) if LaneState::is_concerned_by(&before.settings, &after.settings) => {
                    let (at, now) = (after.updated_at, lanes.now());
                    lanes.wake(before.id, |lane| {
                        let changed = lane.after_change(&before.settings, &after.settings, at, now);
                        let (was, is) = (&lane.penalty_box, &changed.penalty_box);
                        notices.extend(Notice::of_change(before.id, &before.platform, was, is));
                        changed
                    });
                }
                Effect::Keep | Effect::Save(_) => {}
            }
        }
        Ok(notices)
    }
}
