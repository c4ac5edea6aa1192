//! In what state something is: words, and a colour that says no more than they do.

/// A state to be shown.
pub(crate) struct State {
    /// The class of its colour.
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

impl State {
    /// As it should be.
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self::new("good", text)
    }

    /// Somebody should do something.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::new("bad", text)
    }

    /// Something is to come.
    pub(crate) fn wait(text: impl Into<String>) -> Self {
        Self::new("wait", text)
    }

    /// Neither.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new("", text)
    }

    fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self {
            class,
            text: text.into(),
        }
    }
}
