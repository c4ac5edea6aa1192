//! What a page says of what was done just before: by a word in its URL, so that nothing has to be remembered.

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Deleted,
    Updated,
    Restored,
    SecretRemoved,
    RetiredSet,
    Resent,
    GivenUp,
    KeyRevoked,
    CampaignStarted,
    CampaignStopped,
}

impl Done {
    const ALL: [Self; 10] = [
        Self::Deleted,
        Self::Updated,
        Self::Restored,
        Self::SecretRemoved,
        Self::RetiredSet,
        Self::Resent,
        Self::GivenUp,
        Self::KeyRevoked,
        Self::CampaignStarted,
        Self::CampaignStopped,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Updated => "updated",
            Self::Restored => "restored",
            Self::SecretRemoved => "secret-removed",
            Self::RetiredSet => "retired-key-set",
            Self::Resent => "resent",
            Self::GivenUp => "given-up",
            Self::KeyRevoked => "key-revoked",
            Self::CampaignStarted => "campaign-started",
            Self::CampaignStopped => "campaign-stopped",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Deleted => "The webhook was deleted.",
            Self::Updated => "The webhook was changed.",
            Self::Restored => "The roll was undone: the retired key is the current one again.",
            Self::SecretRemoved => "The current key was removed.",
            Self::RetiredSet => "It was set until when the retired key signs.",
            Self::Resent => "It is in the webhook's queue again.",
            Self::GivenUp => "It is given up, and is sent no more.",
            Self::KeyRevoked => "The API key was revoked.",
            Self::CampaignStarted => "The campaign has begun.",
            Self::CampaignStopped => "The campaign was stopped.",
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
