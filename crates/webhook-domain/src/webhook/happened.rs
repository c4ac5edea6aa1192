//! What can happen to a webhook, as the service tells of it.

/// What happened to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It was created.
    Created,
    /// Its settings or its keys were changed.
    Updated,
    /// It was deleted.
    Deleted,
    /// Another key is its current one: by a roll, or because a roll was undone.
    SecretRolled,
    /// It was shown that its receiver verifies with the current key.
    SecretAdopted,
    /// It was shown that its receiver verifies with an older key, after all.
    SecretAdoptionWithdrawn,
    /// A retired key stops within the hour, or would if it were not kept, and the current one was not shown to be in use.
    SecretExpiring,
    /// Its queue is held up: an attempt failed, and none had failed since the last success.
    HeldUp,
    /// Its queue goes on: an attempt succeeded, and the one before had not.
    Released,
    /// An event on its way to it was given up.
    EventGivenUp,
    /// The current key is due for a roll, by the days that the webhook or its deployment has.
    SecretRollDue,
}

impl Happened {
    /// All that can happen.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Updated,
        Self::Deleted,
        Self::SecretRolled,
        Self::SecretAdopted,
        Self::SecretAdoptionWithdrawn,
        Self::SecretExpiring,
        Self::HeldUp,
        Self::Released,
        Self::EventGivenUp,
        Self::SecretRollDue,
    ];

    /// The action of the event that tells of it.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Created => "WEBHOOK.CREATED",
            Self::Updated => "WEBHOOK.UPDATED",
            Self::Deleted => "WEBHOOK.DELETED",
            Self::SecretRolled => "WEBHOOK.SECRET_ROLLED",
            Self::SecretAdopted => "WEBHOOK.SECRET_ADOPTED",
            Self::SecretAdoptionWithdrawn => "WEBHOOK.SECRET_ADOPTION_WITHDRAWN",
            Self::SecretExpiring => "WEBHOOK.SECRET_EXPIRING",
            Self::HeldUp => "WEBHOOK.HELD_UP",
            Self::Released => "WEBHOOK.RELEASED",
            Self::EventGivenUp => "WEBHOOK_EVENT.FAILED",
            Self::SecretRollDue => "WEBHOOK.SECRET_ROLL_DUE",
        }
    }

    /// The actions of the events that tell of it.
    pub const ACTIONS: [&'static str; Self::ALL.len()] = {
        let mut actions = [""; Self::ALL.len()];
        let mut place = 0;
        while place < actions.len() {
            actions[place] = Self::ALL[place].action();
            place += 1;
        }
        actions
    };
}
