//! What the service tells of webhooks themselves, as events like any other: `WEBHOOK.CREATED`, `WEBHOOK.UPDATED` and
//! `WEBHOOK.DELETED`.
//!
//! An announcement is made before a change is decided and becomes an event once it is known what the change was, in its
//! transaction: so a webhook is not changed without those hearing of it who want to.
//!
//! They go only to webhooks that name such an action in `included_actions`. A webhook that takes all actions takes all that the
//! platform publishes; were it told of webhooks too, each of a thousand would be told of each of the others.

use super::{Action, Settings, Webhook};
use crate::access::caller::Acting;
use crate::delivery::event::{Event, JsonText};
use crate::entropy::{Entropy, EntropyError};
use crate::id::{EventId, RequestId};
use crate::time::Instant;

/// Writes a webhook as receivers are to read it, without any secret.
pub type Describe = fn(&Webhook, Instant) -> JsonText;

/// What becomes an event, if the change that it tells of is made.
#[derive(Debug, Clone)]
pub struct Announcement {
    event: EventId,
    at: Instant,
    request: RequestId,
    describe: Describe,
}

/// What happened to a webhook.
#[derive(Debug, Clone, Copy)]
pub enum Happened<'a> {
    /// It was created as this.
    Created(&'a Webhook),
    /// It was the first and is the second.
    Updated(&'a Webhook, &'a Webhook),
    /// It was this and is no more.
    Deleted(&'a Webhook),
}

impl Announcement {
    /// The actions of what it may become.
    pub const ACTIONS: [&'static str; 3] = ["WEBHOOK.CREATED", "WEBHOOK.UPDATED", "WEBHOOK.DELETED"];

    /// An announcement of what is about to be done at `at` for `acting`.
    ///
    /// # Errors
    /// When there is no randomness for the event's id.
    pub fn new(
        acting: &Acting,
        at: Instant,
        entropy: &dyn Entropy,
        describe: Describe,
    ) -> Result<Self, EntropyError> {
        Ok(Self {
            event: EventId::generate(at, entropy)?,
            at,
            request: acting.request().clone(),
            describe,
        })
    }

    /// When it is done.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The event that says what happened. The same arguments give the same event.
    #[must_use]
    pub fn event(&self, happened: Happened<'_>) -> Event {
        let (action, webhook, before) = match happened {
            Happened::Created(webhook) => ("WEBHOOK.CREATED", webhook, None),
            Happened::Updated(before, webhook) => ("WEBHOOK.UPDATED", webhook, Some(before)),
            Happened::Deleted(webhook) => ("WEBHOOK.DELETED", webhook, None),
        };
        Event {
            id: self.event,
            platform: webhook.platform.clone(),
            action: Action::of_service(action),
            data: (self.describe)(webhook, self.at),
            previous_data: before.map(|before| (self.describe)(before, self.at)),
            original_request_id: Some(self.request.clone()),
            trace: None,
            created_at: self.at,
        }
    }
}

impl Settings {
    /// Whether the webhook wants to be told of webhooks: it names such an action. Whether it is excluded too, its
    /// [subscriptions](Self::subscriptions) say.
    #[must_use]
    pub fn wants_announcements(&self) -> bool {
        self.included_actions
            .as_ref()
            .is_some_and(|list| list.iter().any(Action::is_of_service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::event::Environment;
    use crate::testing::{ManualClock, SeededEntropy, fixtures};

    const NOW: Instant = ManualClock::START;

    fn described(webhook: &Webhook, now: Instant) -> JsonText {
        let text = format!("[{},\"{now}\"]", webhook.settings.active);
        JsonText::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_announcement_says_what_happened_for_whom() {
        let entropy = SeededEntropy::default();
        let acting = fixtures::operator(&fixtures::acme());
        let announcement = Announcement::new(&acting, NOW, &entropy, described).unwrap();
        let before = fixtures::webhook(&fixtures::acme(), fixtures::bare_settings(), NOW, &entropy);
        let after = before.clone().gone(NOW);
        let payload = |happened| {
            let event = announcement.event(happened);
            assert_eq!(
                (event.platform.clone(), event.created_at),
                (fixtures::acme(), NOW)
            );
            assert_eq!(event.id, announcement.event(happened).id, "twice the same");
            String::from_utf8(event.payload(Environment::Test, true)).unwrap()
        };
        let request = acting.request();
        let expected = |action: &str, rest: &str| {
            format!(
                r#"{{"created_at":"{NOW}","type":"{action}","original_request_id":"{request}","environment":"TEST",{rest}}}"#
            )
        };
        assert_eq!(
            payload(Happened::Created(&before)),
            expected("WEBHOOK.CREATED", &format!(r#""data":[true,"{NOW}"]"#))
        );
        assert_eq!(
            payload(Happened::Updated(&before, &after)),
            expected(
                "WEBHOOK.UPDATED",
                &format!(r#""data":[false,"{NOW}"],"previous_data":[true,"{NOW}"]"#)
            )
        );
        assert_eq!(
            payload(Happened::Deleted(&after)),
            expected("WEBHOOK.DELETED", &format!(r#""data":[false,"{NOW}"]"#))
        );
    }

    #[test]
    fn only_who_names_them_wants_announcements() {
        let wants = |included: Option<&[&str]>| {
            let settings = Settings {
                included_actions: included.map(fixtures::actions),
                ..fixtures::bare_settings()
            };
            assert_eq!(
                settings.wants_announcements(),
                settings.admits(&Action::of_service("WEBHOOK.UPDATED"))
            );
            settings.wants_announcements()
        };
        assert!(!wants(None));
        assert!(!wants(Some(&[])));
        assert!(!wants(Some(&["INVOICE.CREATED"])));
        assert!(wants(Some(&["INVOICE.CREATED", "WEBHOOK.UPDATED"])));
    }
}
