//! What every value type refuses with: it stands below the types that refusals speak of.

use std::borrow::Cow;

/// A value that its type does not admit. The text completes the sentence "*field* …" and says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub Cow<'static, str>);

impl InvalidValue {
    /// A refusal whose wording is fixed.
    #[must_use]
    pub const fn new(expected: &'static str) -> Self {
        Self(Cow::Borrowed(expected))
    }
}
