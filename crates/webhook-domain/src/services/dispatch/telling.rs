//! What there is to tell of an attempt to those who follow what happens to webhooks: that the queue is held up, that it goes on, that an
//! event was given up.
//!
//! It is written before the turn is recorded, by the same rule by which a store finds out what has come true by it.

use super::Dispatch;
use crate::delivery::event::Event;
use crate::delivery::notice::{Happening, Notice};
use crate::delivery::penalty_box::PenaltyBox;
use crate::id::EventId;
use crate::ports::{Telling, Turn};
use crate::webhook::{Action, HeldUp, Webhook};

/// The events that tell of `turn`, which found the lane's box to be `before`, at a delivery of an event of this action. What befalls the delivery of one
/// of the service's own is told to nobody. Nor is what there is no randomness for: an attempt that was made is recorded in any case.
pub(super) fn of(
    dispatch: &Dispatch,
    webhook: &Webhook,
    before: &PenaltyBox,
    turn: &Turn,
    action: &Action,
) -> Vec<Event> {
    if action.is_of_service() {
        return Vec::new();
    }
    Notice::of_turn(turn, before, &turn.penalty_box, turn.delivery.status)
        .filter_map(|notice| event(dispatch, webhook, turn, action, &notice.what))
        .collect()
}

fn event(
    dispatch: &Dispatch,
    webhook: &Webhook,
    turn: &Turn,
    action: &Action,
    what: &Happening,
) -> Option<Event> {
    let at = turn.attempt.ended_at();
    let id = EventId::generate(at, dispatch.entropy.as_ref()).ok()?;
    if let Happening::GivenUp { .. } = what {
        let describe = dispatch.describe_delivery?;
        let telling = Telling {
            id,
            request: None,
            describe,
        };
        return telling.event(&turn.delivery, action, Some(&turn.attempt));
    }
    let webhook = Webhook {
        held_up: HeldUp::new(turn.penalty_box, None),
        ..webhook.clone()
    };
    Some(Event {
        id,
        platform: webhook.platform.clone(),
        action: Action::of_service(what.told_as().action()),
        data: (dispatch.describe?)(&webhook, at),
        previous_data: None,
        original_request_id: None,
        trace: None,
        created_at: at,
    })
}
