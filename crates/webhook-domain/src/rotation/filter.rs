//! Which webhooks a rotation is about.

use std::collections::BTreeSet;

use crate::error::{InvalidValue, Refusal};
use crate::id::WebhookId;
use crate::time::Instant;
use crate::webhook::{Reference, Webhook, WebhookFilter};

/// What the references of some webhooks begin with: 1 to 256 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePrefix(Reference);

impl ReferencePrefix {
    /// Accepts what can be the beginning of a reference.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: String) -> Result<Self, InvalidValue> {
        let wrong = InvalidValue::new("must be 1 to 256 characters, none of them a control character");
        match text.is_empty() {
            true => Err(wrong),
            false => Reference::parse(text).map(Self).map_err(|_| wrong),
        }
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(text: String) -> Self {
        Self(Reference::restore(text))
    }

    /// The beginning as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// The conditions of a rotation, all of which its webhooks meet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RotationFilter {
    /// All webhooks of the platform are meant, if there is no condition.
    pub all: bool,
    /// It is one of these.
    pub ids: Option<BTreeSet<WebhookId>>,
    /// Its reference begins so.
    pub reference_prefix: Option<ReferencePrefix>,
    /// The others, of which a rotation has `active`, `rolled_before` and `signing_protocol`.
    pub others: WebhookFilter,
}

impl RotationFilter {
    /// The most webhooks that can be named one by one.
    pub const MAX_IDS: usize = 1_000;

    /// Refuses a filter by which somebody may mean all webhooks without saying so.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`].
    pub fn check(&self) -> Result<(), Refusal> {
        let problem = match (self.has_conditions(), self.all) {
            (false, false) => "must have a condition; only all: true means all webhooks",
            (true, true) => "must have no condition beside all: true",
            _ => return Ok(()),
        };
        Err(Refusal::invalid("filter", InvalidValue::new(problem)))
    }

    fn has_conditions(&self) -> bool {
        self.ids.is_some() || self.reference_prefix.is_some() || !self.others.is_empty()
    }

    /// Whether `webhook` meets every condition.
    #[must_use]
    pub fn accepts(&self, webhook: &Webhook) -> bool {
        let reference = webhook.settings.reference.as_ref();
        self.ids.as_ref().is_none_or(|ids| ids.contains(&webhook.id))
            && self.reference_prefix.as_ref().is_none_or(|prefix| {
                reference.is_some_and(|reference| reference.as_str().starts_with(prefix.as_str()))
            })
            // None of the three is judged by what time it is.
            && self.others.accepts(webhook, Instant::from_milliseconds(0))
    }
}
