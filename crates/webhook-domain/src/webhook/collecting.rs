//! Which events a webhook collects: those of the actions it admits, while it is active.
//!
//! What an inactive webhook misses it never gets; what is in its queue already waits until it is active again.

use super::{Action, ActionList, Settings, Webhook};
use crate::time::Instant;

impl Settings {
    /// Whether events of `action` are for this webhook: included, as all but the service's own are by a list that is null or
    /// empty, and not excluded.
    #[must_use]
    pub fn admits(&self, action: &Action) -> bool {
        let (included, excluded) = (self.included_actions.as_ref(), self.excluded_actions.as_ref());
        let all = included.is_none_or(ActionList::is_empty);
        (all && !action.is_of_service() || included.is_some_and(|list| list.contains(action)))
            && !excluded.is_some_and(|list| list.contains(action))
    }
}

/// What an active webhook wants, so that who wants an event can be looked up by its action rather than found by asking every
/// webhook. An event of an action goes to those who want it [by name](Self::Included), and, unless the action is one of the service's
/// own, to those who want [all](Self::All) but those who have [excluded it](Self::Excluded).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subscription {
    /// To events of every action that the platform publishes.
    All,
    /// To events of this action.
    Included(Action),
    /// To none of this action, although to all others.
    Excluded(Action),
}

impl Settings {
    /// What the webhook wants; nothing while it is inactive. Each at most once.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        if !self.active {
            return Vec::new();
        }
        let listed = |list: &Option<ActionList>| -> Vec<Action> {
            list.iter().flat_map(ActionList::iter).cloned().collect()
        };
        let (included, excluded) = (listed(&self.included_actions), listed(&self.excluded_actions));
        if included.is_empty() {
            let ruled_out = excluded.into_iter().filter(|action| !action.is_of_service());
            return std::iter::once(Subscription::All)
                .chain(ruled_out.map(Subscription::Excluded))
                .collect();
        }
        let wanted = included.into_iter().filter(|action| !excluded.contains(action));
        wanted.map(Subscription::Included).collect()
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

    /// Who wants an event, by its subscriptions alone.
    fn is_subscribed(settings: &Settings, action: &Action) -> bool {
        let has = |subscription| settings.subscriptions().contains(&subscription);
        let all = has(Subscription::All) && !has(Subscription::Excluded(action.clone()));
        has(Subscription::Included(action.clone())) || all && !action.is_of_service()
    }

    #[test]
    fn subscriptions_say_what_a_webhook_wants() {
        let lists = [
            None,
            Some(&[][..]),
            Some(&["INVOICE.CREATED"][..]),
            Some(&["INVOICE.CREATED", "WEBHOOK.UPDATED"][..]),
            Some(&["WEBHOOK.UPDATED"][..]),
        ];
        let actions = ["INVOICE.CREATED", "INVOICE.PAID"]
            .map(|action| Action::parse(action.into()).unwrap())
            .into_iter()
            .chain(["WEBHOOK.UPDATED", "WEBHOOK.DELETED"].map(Action::of_service));
        for action in actions {
            for (included, excluded) in lists.iter().flat_map(|one| lists.map(|other| (*one, other))) {
                for active in [true, false] {
                    let settings = Settings {
                        active,
                        included_actions: included.map(fixtures::actions),
                        excluded_actions: excluded.map(fixtures::actions),
                        ..fixtures::bare_settings()
                    };
                    assert_eq!(
                        is_subscribed(&settings, &action),
                        webhook(settings).wants(&action),
                        "{action:?} of {included:?} without {excluded:?}"
                    );
                }
            }
        }
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
