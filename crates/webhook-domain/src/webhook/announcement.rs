//! What the service tells of webhooks themselves, as events like any other: `WEBHOOK.CREATED`, `WEBHOOK.SECRET_ROLLED` and the others
//! of [`Happened`].
//!
//! An announcement is made before a change is decided. The decision says what there is to tell, and that becomes an event each in the
//! transaction of the change: so nothing befalls a webhook without those hearing of it who want to.
//!
//! They go only to webhooks that name such an action in `included_actions`. A webhook that takes all actions takes all that the
//! platform publishes; were it told of webhooks too, each of a thousand would be told of each of the others.

use super::{Action, Happened, Settings, Webhook};
use crate::access::caller::Acting;
use crate::delivery::event::{Event, JsonText};
use crate::entropy::{Entropy, EntropyError};
use crate::id::{EventId, RequestId};
use crate::time::Instant;

/// Writes a webhook as receivers are to read it, without any secret.
pub type Describe = fn(&Webhook, Instant) -> JsonText;

/// What becomes events, if the change that it tells of is made.
#[derive(Debug, Clone)]
pub struct Announcement {
    first: EventId,
    at: Instant,
    request: RequestId,
    describe: Describe,
}

impl Announcement {
    /// An announcement of what is about to be done at `at` for `acting`.
    ///
    /// # Errors
    /// When there is no randomness for ids of events.
    pub fn new(
        acting: &Acting,
        at: Instant,
        entropy: &dyn Entropy,
        describe: Describe,
    ) -> Result<Self, EntropyError> {
        Ok(Self {
            first: EventId::generate(at, entropy)?,
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

    /// The events that say what happened, in this order, to `webhook`, which was `before`; as it was, if it is no more. The same
    /// arguments give the same events.
    pub fn events<'a>(
        &'a self,
        happened: &'a [Happened],
        before: Option<&'a Webhook>,
        webhook: &'a Webhook,
    ) -> impl Iterator<Item = Event> + 'a {
        let ids = std::iter::successors(Some(self.first), |id| Some(id.next()));
        ids.zip(happened).map(move |(id, happened)| Event {
            id,
            platform: webhook.platform.clone(),
            action: Action::of_service(happened.action()),
            data: (self.describe)(webhook, self.at),
            previous_data: before.map(|before| (self.describe)(before, self.at)),
            original_request_id: Some(self.request.clone()),
            trace: None,
            created_at: self.at,
        })
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
        let told = announcement.events(
            &[Happened::SecretRolled, Happened::Updated],
            Some(&before),
            &after,
        );
        let told: Vec<_> = told.collect();
        let again = announcement.events(&[Happened::SecretRolled], Some(&before), &after);
        assert_eq!(
            again.map(|event| event.id).collect::<Vec<_>>(),
            [told[0].id],
            "twice the same"
        );
        assert!(told[0].id < told[1].id);
        let created = announcement.events(&[Happened::Created], None, &before);
        let payloads = created.chain(told).map(|event| {
            assert_eq!(
                (event.platform.clone(), event.created_at),
                (fixtures::acme(), NOW)
            );
            String::from_utf8(event.payload(Environment::Test, true)).unwrap()
        });
        let request = acting.request();
        let expected = |action: &str, rest: &str| {
            format!(
                r#"{{"created_at":"{NOW}","type":"WEBHOOK.{action}","original_request_id":"{request}","environment":"TEST",{rest}}}"#
            )
        };
        let changed = format!(r#""data":[false,"{NOW}"],"previous_data":[true,"{NOW}"]"#);
        assert_eq!(
            payloads.collect::<Vec<_>>(),
            [
                expected("CREATED", &format!(r#""data":[true,"{NOW}"]"#)),
                expected("SECRET_ROLLED", &changed),
                expected("UPDATED", &changed),
            ]
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
