//! What a page says of what was done just before: by a word in its URL, so that nothing has to be remembered.

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Deleted,
}

impl Done {
    const ALL: [Self; 1] = [Self::Deleted];

    const fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Deleted => "The webhook was deleted.",
        }
    }
}

/// The page at `place`, which says that this was done.
pub(crate) fn at(place: &str, done: Done) -> String {
    format!("{place}?done={}", done.word())
}

/// What the page with this word in its URL says. Any other word says nothing.
pub(crate) fn said(word: Option<&str>) -> Option<&'static str> {
    let done = Done::ALL.into_iter().find(|done| Some(done.word()) == word);
    done.map(Done::sentence)
}
