//! What a webhook is told of.

use std::collections::BTreeSet;
use std::fmt;

use super::Happened;
use crate::error::InvalidValue;

/// An action such as `INVOICE.CREATED`: `^[A-Z][A-Z0-9_]*(\.[A-Z][A-Z0-9_]*)+$`, at most 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(String);

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Action {
    /// The most characters of an action.
    pub const MAX_LENGTH: usize = 128;

    /// Accepts an action that is spelt as one; whether the deployment has it, its [`ActionCatalogue`] says.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: String) -> Result<Self, InvalidValue> {
        let segment = |segment: &str| {
            segment.starts_with(|c: char| c.is_ascii_uppercase())
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        if text.len() <= Self::MAX_LENGTH && text.contains('.') && text.split('.').all(segment) {
            Ok(Self(text))
        } else {
            Err(InvalidValue::new(
                "must be an action like INVOICE.CREATED, at most 128 characters",
            ))
        }
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(text: String) -> Self {
        Self(text)
    }

    /// One that the service publishes itself.
    pub(crate) fn of_service(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// What the service publishes itself. Only who names it gets it.
    pub const OF_SERVICE: [&'static str; Happened::ACTIONS.len() + 1] = {
        let mut actions = [Self::ROTATION_FINISHED; Happened::ACTIONS.len() + 1];
        let mut place = 0;
        while place < Happened::ACTIONS.len() {
            actions[place] = Happened::ACTIONS[place];
            place += 1;
        }
        actions
    };

    /// That a rotation has ended.
    pub const ROTATION_FINISHED: &'static str = "ROTATION.FINISHED";

    /// What the service alone tells of.
    const OBJECTS_OF_SERVICE: [&'static str; 3] = ["WEBHOOK", "WEBHOOK_EVENT", "ROTATION"];

    /// What a test says that has happened. It is sent on request, past all queues, and no event of this type is published.
    pub const TEST: &'static str = "WEBHOOK.TEST";

    /// What a probe of a check of keys says that has happened. It is sent past all queues like a test.
    pub const KEY_CHECK: &'static str = "WEBHOOK.KEY_CHECK";

    /// Whether nobody but the service can publish it: one of [`OF_SERVICE`](Self::OF_SERVICE), or another that happens to webhooks, to
    /// their events, or to rotations.
    #[must_use]
    pub fn is_of_service(&self) -> bool {
        Self::OBJECTS_OF_SERVICE.contains(&self.object_type())
    }

    /// The action as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the action happens to: all before the first dot, such as `INVOICE`.
    #[must_use]
    pub fn object_type(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }
}

/// The actions a deployment knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionCatalogue(BTreeSet<Action>);

impl ActionCatalogue {
    /// A catalogue of these actions.
    #[must_use]
    pub fn new(actions: impl IntoIterator<Item = Action>) -> Self {
        Self(actions.into_iter().collect())
    }

    /// Whether the deployment has `action`.
    #[must_use]
    pub fn contains(&self, action: &Action) -> bool {
        self.0.contains(action)
    }

    /// The action of this name, for whoever publishes an event: the deployment has it, and the service does not publish it itself.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn publishable(&self, text: String) -> Result<Action, InvalidValue> {
        let action = Action::parse(text)?;
        if !self.contains(&action) {
            return Err(InvalidValue::new(
                "must be an action of this deployment, which GET /v1/webhooks/actions lists",
            ));
        }
        if action.is_of_service() {
            return Err(InvalidValue::new(
                "must not be an action that the service itself publishes: all that begin with WEBHOOK., WEBHOOK_EVENT. or ROTATION.",
            ));
        }
        Ok(action)
    }

    /// The actions in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Action> {
        self.0.iter()
    }
}

impl Default for ActionCatalogue {
    /// The catalogue that ships: what a billing platform tells its customers' systems of.
    fn default() -> Self {
        let verbs = |object: &'static str, verbs: &'static [&'static str]| {
            verbs.iter().map(move |verb| Action(format!("{object}.{verb}")))
        };
        let common: &[&str] = &["CREATED", "UPDATED", "DELETED"];
        let mut actions = BTreeSet::new();
        for object in [
            "COUPON",
            "CREDIT_NOTE",
            "CUSTOMER",
            "INVOICE",
            "PAYMENT_METHOD",
            "PRODUCT",
            "QUOTE",
            "SUBSCRIPTION",
        ] {
            actions.extend(verbs(object, common));
        }
        actions.extend(verbs("CREDIT_NOTE", &["FINALISED"]));
        actions.extend(verbs(
            "INVOICE",
            &["FINALISED", "PAID", "OVERDUE", "VOIDED", "WRITTEN_OFF"],
        ));
        actions.extend(verbs("PAYMENT", &["CREATED", "SUCCEEDED", "FAILED", "REFUNDED"]));
        actions.extend(verbs("QUOTE", &["ACCEPTED", "DECLINED"]));
        actions.extend(verbs(
            "SUBSCRIPTION",
            &["ACTIVATED", "CANCELLED", "PAUSED", "RENEWED", "RESUMED"],
        ));
        actions.extend(Action::OF_SERVICE.map(Action::of_service));
        Self(actions)
    }
}

/// A list of actions of a webhook: at most 256, each once, in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionList(Vec<Action>);

/// A list of actions was refused: because of the item at `index`, or as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionListError {
    /// The item that is wrong, from 0.
    pub index: Option<usize>,
    /// What would be right.
    pub problem: InvalidValue,
}

impl ActionList {
    /// The most actions in a list.
    pub const MAX_ITEMS: usize = 256;

    /// Accepts actions that `catalogue` has, each once.
    ///
    /// # Errors
    /// Says which item is wrong and what would be right.
    pub fn parse(items: Vec<String>, catalogue: &ActionCatalogue) -> Result<Self, ActionListError> {
        let (list, foreign) = Self::propose(items, catalogue)?;
        match foreign.first() {
            None => Ok(list),
            Some(index) => Err(ActionListError {
                index: Some(*index),
                problem: Self::not_in_catalogue(),
            }),
        }
    }

    /// What is wrong with an action that the catalogue does not have.
    pub(super) const fn not_in_catalogue() -> InvalidValue {
        InvalidValue::new("must be an action that this deployment has in its catalogue")
    }

    /// Accepts actions, each once, with the places of those that `catalogue` does not have. A webhook that has them already may keep
    /// them: the catalogue may have changed since.
    ///
    /// # Errors
    /// Says which item is wrong and what would be right in any deployment.
    pub fn propose(
        items: Vec<String>,
        catalogue: &ActionCatalogue,
    ) -> Result<(Self, Vec<usize>), ActionListError> {
        if items.len() > Self::MAX_ITEMS {
            return Err(ActionListError {
                index: None,
                problem: InvalidValue::new("must have at most 256 actions"),
            });
        }
        let mut seen = BTreeSet::new();
        let mut actions = Vec::with_capacity(items.len());
        let mut foreign = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let wrong = |problem| ActionListError {
                index: Some(index),
                problem,
            };
            let action = Action::parse(item).map_err(wrong)?;
            if !catalogue.contains(&action) {
                foreign.push(index);
            }
            if !seen.insert(action.clone()) {
                return Err(wrong(InvalidValue::new("must not be listed twice")));
            }
            actions.push(action);
        }
        Ok((Self(actions), foreign))
    }

    /// What a store kept: it was accepted once, whatever the rule and the catalogue are today.
    #[must_use]
    pub fn restore(items: Vec<String>) -> Self {
        Self(items.into_iter().map(Action::restore).collect())
    }

    /// The actions in the order given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Action> {
        self.0.iter()
    }

    /// Whether no action is in the list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `action` is in the list.
    #[must_use]
    pub fn contains(&self, action: &Action) -> bool {
        self.0.contains(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_segments_of_capitals_joined_by_dots() {
        for right in ["A.B", "INVOICE.CREATED", "CREDIT_NOTE.LINE_2.ADDED"] {
            assert!(Action::parse(right.into()).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "INVOICE",
            "INVOICE.",
            ".CREATED",
            "A..B",
            "invoice.created",
            "1A.B",
            "A._B",
            "A.B\n",
            "Ä.B",
        ] {
            assert!(Action::parse(wrong.into()).is_err(), "{wrong:?}");
        }
        assert!(Action::parse(format!("A.{}", "B".repeat(126))).is_ok());
        assert!(Action::parse(format!("A.{}", "B".repeat(127))).is_err());
    }

    #[test]
    fn a_list_names_the_item_that_is_wrong() {
        let catalogue = ActionCatalogue::default();
        let index = |items: &[&str]| {
            ActionList::parse(items.iter().map(ToString::to_string).collect(), &catalogue)
                .map_err(|e| e.index)
        };
        assert!(index(&["INVOICE.CREATED", "INVOICE.PAID"]).is_ok());
        assert_eq!(index(&["INVOICE.CREATED", "invoice"]), Err(Some(1)));
        assert_eq!(index(&["NOT.THERE"]), Err(Some(0)));
        assert_eq!(
            index(&["INVOICE.PAID", "INVOICE.CREATED", "INVOICE.PAID"]),
            Err(Some(2))
        );
        assert_eq!(index(&["INVOICE.PAID"; 257]), Err(None));
    }
}
