//! One event on its way to one webhook.
//!
//! When an event is published, each webhook that wants it gets a delivery at the end of its queue
//! ([`Delivery::collect`]). The queue is strictly in order: only the delivery at its head is sent, and it leaves
//! the head by having succeeded or having been given up, as [`crate::delivery::penalty_box`] decides.
//!
//! A delivery keeps from the webhook whether previous data is in its payload, as it was when the event was
//! collected: every attempt then has the same body under the same `webhook-id`, whatever the webhook has become.
//! Its target, its credentials and its keys are those of the instant of the attempt.

pub mod address;
pub mod attempt;
pub mod event;
pub mod key_check;
pub mod key_use;
pub mod lane;
pub mod notice;
pub mod penalty_box;
pub mod probed;
pub mod retry_schedule;
pub mod shares;
pub mod shortage;
pub mod trace;

use crate::delivery::event::{Environment, Event};
use crate::delivery::penalty_box::HeadFate;
use crate::error::{InvalidValue, Refusal};
use crate::id::{DeliveryId, EventId, PlatformId, WebhookId};
use crate::time::Instant;
use crate::webhook::Webhook;

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// In the queue of its webhook.
    Pending,
    /// Delivered.
    Succeeded {
        /// When.
        at: Instant,
    },
    /// Given up.
    Failed {
        /// When.
        at: Instant,
    },
}

impl DeliveryStatus {
    /// The names of all of them.
    pub const NAMES: [&str; 3] = ["PENDING", "SUCCEEDED", "FAILED"];

    /// The name of a status, as somebody has given it.
    ///
    /// # Errors
    /// Says which there are.
    pub fn named(text: &str) -> Result<&'static str, InvalidValue> {
        let named = Self::NAMES.into_iter().find(|name| *name == text);
        named.ok_or(InvalidValue::new("must be one of PENDING, SUCCEEDED, FAILED"))
    }

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Succeeded { .. } => "SUCCEEDED",
            Self::Failed { .. } => "FAILED",
        }
    }

    /// When it came to its end, if it did.
    #[must_use]
    pub const fn ended_at(self) -> Option<Instant> {
        match self {
            Self::Pending => None,
            Self::Succeeded { at } | Self::Failed { at } => Some(at),
        }
    }

    /// What a store kept: the name, and when it came to its end; the Unix epoch if the store does not say.
    ///
    /// # Errors
    /// When the name is none.
    pub fn restore(name: &str, ended_at: Option<Instant>) -> Result<Self, InvalidValue> {
        let at = ended_at.unwrap_or(Instant::from_milliseconds(0));
        match name {
            "PENDING" => Ok(Self::Pending),
            "SUCCEEDED" => Ok(Self::Succeeded { at }),
            "FAILED" => Ok(Self::Failed { at }),
            _ => Err(InvalidValue::new("must be a status")),
        }
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which one. It follows from the event and the webhook.
    pub id: DeliveryId,
    /// What is delivered; its id is the `webhook-id` of every attempt.
    pub event: EventId,
    /// Where to.
    pub webhook: WebhookId,
    /// Whose.
    pub platform: PlatformId,
    /// Whether the payload says what the resource was before.
    pub include_previous_data: bool,
    /// When the event was published.
    pub created_at: Instant,
    /// How far it has come.
    pub status: DeliveryStatus,
}

impl Delivery {
    /// The delivery of `event` to `webhook`; none if the webhook is of another platform or does not want it.
    #[must_use]
    pub fn collect(event: &Event, webhook: &Webhook) -> Option<Self> {
        let wanted = event.platform == webhook.platform && webhook.wants(&event.action);
        wanted.then(|| Self::to(event, webhook.id, webhook.settings.include_previous_data))
    }

    /// The delivery of `event` to the webhook of its platform with this id, which wants it.
    #[must_use]
    pub fn to(event: &Event, webhook: WebhookId, include_previous_data: bool) -> Self {
        Self {
            id: DeliveryId::of(event.id, webhook),
            event: event.id,
            webhook,
            platform: event.platform.clone(),
            include_previous_data,
            created_at: event.created_at,
            status: DeliveryStatus::Pending,
        }
    }

    /// The body of every attempt; `event` is the one delivered.
    #[must_use]
    pub fn payload(&self, event: &Event, environment: Environment) -> Vec<u8> {
        event.payload(environment, self.include_previous_data)
    }

    /// The delivery after an attempt that ended at `at` and left it to `fate`. One that has come to its end stays
    /// there: after a crash the last outcome may be told twice.
    #[must_use]
    pub fn after(mut self, fate: HeadFate, at: Instant) -> Self {
        self.status = match (self.status, fate) {
            (DeliveryStatus::Pending, HeadFate::Delivered) => DeliveryStatus::Succeeded { at },
            (DeliveryStatus::Pending, HeadFate::GivenUp) => DeliveryStatus::Failed { at },
            (status, _) => status,
        };
        self
    }

    /// The delivery on its way again, to be put at the end of its webhook's queue.
    ///
    /// # Errors
    /// [`Refusal::StillPending`] when it is in the queue already.
    pub fn resent(mut self) -> Result<Self, Refusal> {
        if self.status == DeliveryStatus::Pending {
            return Err(Refusal::StillPending);
        }
        self.status = DeliveryStatus::Pending;
        Ok(self)
    }

    /// The delivery given up at `at` because somebody asks for it.
    ///
    /// # Errors
    /// [`Refusal::NotPending`] when it has come to its end already.
    pub fn given_up(mut self, at: Instant) -> Result<Self, Refusal> {
        if self.status != DeliveryStatus::Pending {
            return Err(Refusal::NotPending);
        }
        self.status = DeliveryStatus::Failed { at };
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy, fixtures};
    use crate::webhook::Settings;

    const NOW: Instant = ManualClock::START;

    fn webhook(settings: Settings) -> Webhook {
        fixtures::webhook(&fixtures::acme(), settings, NOW, &SeededEntropy::default())
    }

    fn delivery() -> Delivery {
        let event = fixtures::event(&fixtures::acme(), "INVOICE.CREATED", NOW);
        Delivery::collect(&event, &webhook(fixtures::bare_settings())).unwrap()
    }

    #[test]
    fn an_event_is_collected_for_a_webhook_of_its_platform_that_wants_it() {
        let of = |platform: &str, action: &str| fixtures::event(&fixtures::platform(platform), action, NOW);
        let event = of("acme", "INVOICE.CREATED");
        let webhook = webhook(Settings {
            included_actions: Some(fixtures::actions(&["INVOICE.CREATED"])),
            ..fixtures::bare_settings()
        });
        let delivery = Delivery::collect(&event, &webhook).unwrap();
        assert_eq!(
            (delivery.event, delivery.webhook, delivery.status),
            (event.id, webhook.id, DeliveryStatus::Pending)
        );
        assert_eq!(delivery.id, DeliveryId::of(event.id, webhook.id));
        assert_eq!(Delivery::collect(&of("other", "INVOICE.CREATED"), &webhook), None);
        assert_eq!(Delivery::collect(&of("acme", "INVOICE.PAID"), &webhook), None);
    }

    #[test]
    fn the_body_stays_what_it_was_when_the_event_was_collected() {
        let mut event = fixtures::event(&fixtures::acme(), "INVOICE.CREATED", NOW);
        event.previous_data = Some(event.data.clone());
        for include_previous_data in [false, true] {
            let webhook = webhook(Settings {
                include_previous_data,
                ..fixtures::bare_settings()
            });
            let delivery = Delivery::collect(&event, &webhook).unwrap();
            assert_eq!(
                delivery.payload(&event, Environment::Test),
                event.payload(Environment::Test, include_previous_data)
            );
        }
    }

    #[test]
    fn a_delivery_ends_by_success_or_by_being_given_up_and_stays_there() {
        let later = NOW.plus(std::time::Duration::from_secs(1));
        for (fate, status) in [
            (HeadFate::Delivered, DeliveryStatus::Succeeded { at: NOW }),
            (HeadFate::GivenUp, DeliveryStatus::Failed { at: NOW }),
        ] {
            let ended = delivery().after(fate, NOW);
            assert_eq!(ended.status, status);
            for told_again in [HeadFate::Delivered, HeadFate::GivenUp, HeadFate::Waits] {
                assert_eq!(ended.clone().after(told_again, later), ended);
            }
        }
        for fate in [HeadFate::Waits, HeadFate::WebhookGone] {
            assert_eq!(delivery().after(fate, NOW), delivery());
        }
    }

    #[test]
    fn what_has_ended_can_be_sent_again_under_the_same_ids() {
        for fate in [HeadFate::Delivered, HeadFate::GivenUp] {
            assert_eq!(delivery().after(fate, NOW).resent(), Ok(delivery()));
        }
        assert_eq!(delivery().resent(), Err(Refusal::StillPending));
    }
}
