//! What is said of a webhook wherever it is shown.

use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Name, Reference, Webhook};

use super::State;

/// What people call it: its name, or else its reference, or else its id.
pub(crate) fn title(webhook: &Webhook) -> String {
    let settings = &webhook.settings;
    let said = title_of(settings.name.as_ref(), settings.reference.as_ref());
    said.map_or_else(|| webhook.id.to_string(), str::to_owned)
}

/// What people call a webhook with these labels, if they have something to read.
pub(crate) fn title_of<'a>(name: Option<&'a Name>, reference: Option<&'a Reference>) -> Option<&'a str> {
    let said = [name.map(Name::as_str), reference.map(Reference::as_str)];
    let mut said = said.into_iter().flatten();
    said.find(|text| !text.trim().is_empty())
}

/// Whether it delivers.
pub(crate) fn delivery_state(webhook: &Webhook) -> State {
    match (webhook.settings.active, &webhook.held_up, &webhook.settings.url) {
        (false, ..) => State::wait("inactive"),
        (true, Some(_), _) => State::bad("held up"),
        (true, None, None) => State::wait("no url"),
        (true, None, Some(_)) => State::good("delivers"),
    }
}

/// What there is to know of its keys.
pub(crate) fn key_states(webhook: &Webhook, now: Instant) -> Vec<State> {
    let ring = &webhook.key_ring;
    let mut states = Vec::new();
    states.push(match (ring.current(), ring.adoption()) {
        (None, _) => State::bad("no current key"),
        (Some(_), Some(_)) => State::good("adopted"),
        (Some(_), None) => unadopted_state(ring, now),
    });
    match ring.retired_at(now).count() {
        0 => {}
        1 => states.push(State::plain("1 retired key signs")),
        more => states.push(State::plain(format!("{more} retired keys sign"))),
    }
    if webhook.is_roll_due(now) {
        states.push(State::wait("roll due"));
    }
    states
}

/// What there is to know of the adoption of a current key that nobody has shown a receiver to use.
pub(crate) fn unadopted_state(ring: &KeyRing, now: Instant) -> State {
    match (ring.previous(now), ring.rolled_at()) {
        (Some(_), _) => State::wait("not adopted yet"),
        (None, Some(_)) => State::plain("adoption unknown"),
        (None, None) => State::plain("never rolled"),
    }
}
