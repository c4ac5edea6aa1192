//! Which events a webhook collects: those of the actions it admits, while it is active.
//!
//! What an inactive webhook misses it never gets; what is in its queue already waits until it is active again.

use super::{Action, ActionList, Settings, Webhook};
use crate::id::{PlatformId, WebhookId};
use crate::time::Instant;

impl Settings {
    /// Whether events of `action` are for this webhook: included, as all but the service's own are by a list that is null or
    /// empty, and not excluded.
    #[must_use]
    pub fn admits(&self, action: &Action) -> bool {
        admits(
            self.included_actions.as_ref(),
            self.excluded_actions.as_ref(),
            action,
        )
    }
}

fn admits(included: Option<&ActionList>, excluded: Option<&ActionList>, action: &Action) -> bool {
    let all = included.is_none_or(ActionList::is_empty);
    (all && !action.is_of_service() || included.is_some_and(|list| list.contains(action)))
        && !excluded.is_some_and(|list| list.contains(action))
}

/// As much of an active webhook as it takes to know which events it collects. A store reads this of every webhook of a
/// platform, and needs no key for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The webhook.
    pub webhook: WebhookId,
    /// Its platform.
    pub platform: PlatformId,
    /// As in its settings.
    pub included_actions: Option<ActionList>,
    /// As in its settings.
    pub excluded_actions: Option<ActionList>,
    /// As in its settings.
    pub include_previous_data: bool,
}

impl Route {
    /// The route to `webhook`; none while it is inactive.
    #[must_use]
    pub fn to(webhook: &Webhook) -> Option<Self> {
        let settings = &webhook.settings;
        settings.active.then(|| Self {
            webhook: webhook.id,
            platform: webhook.platform.clone(),
            included_actions: settings.included_actions.clone(),
            excluded_actions: settings.excluded_actions.clone(),
            include_previous_data: settings.include_previous_data,
        })
    }

    /// Whether events of `action` go along it.
    #[must_use]
    pub fn admits(&self, action: &Action) -> bool {
        admits(
            self.included_actions.as_ref(),
            self.excluded_actions.as_ref(),
            action,
        )
    }
}

impl Webhook {
    /// Whether an event of `action` is collected for this webhook now.
    #[must_use]
    pub fn wants(&self, action: &Action) -> bool {
        self.settings.active && self.settings.admits(action)
    }

    /// The webhook after its receiver answered 410 Gone: inactive, and otherwise as it was.
    #[must_use]
    pub fn gone(mut self, now: Instant) -> Self {
        if !self.settings.active {
            return self;
        }
        self.settings.active = false;
        self.changed_at(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{ManualClock, SeededEntropy, fixtures};
    use crate::webhook::Version;

    const NOW: Instant = ManualClock::START;

    fn webhook(settings: Settings) -> Webhook {
        fixtures::webhook(&fixtures::acme(), settings, NOW, &SeededEntropy::default())
    }

    fn wants(included: Option<&[&str]>, excluded: Option<&[&str]>) -> [bool; 2] {
        let settings = Settings {
            included_actions: included.map(fixtures::actions),
            excluded_actions: excluded.map(fixtures::actions),
            ..fixtures::bare_settings()
        };
        let webhook = webhook(settings);
        ["INVOICE.CREATED", "INVOICE.PAID"]
            .map(|action| webhook.wants(&Action::parse(action.into()).unwrap()))
    }

    #[test]
    fn all_actions_are_wanted_where_none_is_named() {
        for included in [None, Some(&[][..])] {
            for excluded in [None, Some(&[][..])] {
                assert_eq!(wants(included, excluded), [true, true]);
            }
        }
    }

    #[test]
    fn an_action_is_wanted_if_it_is_included_and_not_excluded() {
        let (created, paid) = (&["INVOICE.CREATED"][..], &["INVOICE.PAID"][..]);
        assert_eq!(wants(Some(created), None), [true, false]);
        assert_eq!(wants(None, Some(created)), [false, true]);
        assert_eq!(wants(Some(&[]), Some(created)), [false, true]);
        assert_eq!(wants(Some(created), Some(paid)), [true, false]);
        assert_eq!(
            wants(Some(created), Some(created)),
            [false, false],
            "excluded wins"
        );
    }

    #[test]
    fn an_inactive_webhook_wants_nothing() {
        let webhook = webhook(Settings {
            active: false,
            ..fixtures::bare_settings()
        });
        let action = Action::parse("INVOICE.CREATED".into()).unwrap();
        assert!(!webhook.wants(&action));
        assert!(webhook.settings.admits(&action), "it would if it were active");
    }

    #[test]
    fn a_webhook_whose_receiver_is_gone_is_inactive_and_otherwise_as_it_was() {
        let webhook = webhook(fixtures::bare_settings());
        let later = NOW.plus(Duration::from_secs(60));
        let gone = webhook.clone().gone(later);
        let expected = Webhook {
            settings: Settings {
                active: false,
                ..fixtures::bare_settings()
            },
            updated_at: later,
            version: Version(2),
            ..webhook
        };
        assert_eq!(gone, expected);
        assert_eq!(
            gone.clone().gone(later.plus(Duration::from_secs(60))),
            gone,
            "once is enough"
        );
    }
}
