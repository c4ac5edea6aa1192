//! A webhook's names: one for people, one for the platform's own records.

use std::fmt;

use crate::error::InvalidValue;
use crate::text::{PublicText, TextRule, TextValue, check_free_text};

macro_rules! label {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Accepts 0–256 characters without control characters.
            ///
            /// # Errors
            /// Says what would be right.
            pub fn parse(text: String) -> Result<Self, InvalidValue> {
                check_free_text(&text)?;
                Ok(Self(text))
            }

            /// What a store kept: it was accepted once, whatever the rule is today.
            #[must_use]
            pub const fn restore(text: String) -> Self {
                Self(text)
            }

            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TextValue for $name {
            const RULE: TextRule = TextRule::Free;

            fn from_text(text: String) -> Result<Self, InvalidValue> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl PublicText for $name {
            fn text(&self) -> &str {
                self.as_str()
            }
        }
    };
}

label!(
    /// A name for people.
    Name
);
label!(
    /// The platform's own name for a webhook, unique among its webhooks.
    Reference
);

/// What a webhook is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Its name for people.
    pub name: Option<Name>,
    /// The platform's own name for it.
    pub reference: Option<Reference>,
}
