//! Of what there are too many checks.

/// Of what there are too many checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Of the webhook, within an hour.
    Webhook,
    /// At the receiver's host, within an hour.
    Host,
    /// At the receiver's host, at this moment.
    HostAtOnce,
}

impl Crowded {
    /// What is said to whoever wants one more.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Webhook => {
                "the keys of this webhook were checked 6 times within an hour, which is the maximum"
            }
            Self::Host => {
                "keys were checked 30 times within an hour at the receiver's host, which is the maximum for all webhooks there"
            }
            Self::HostAtOnce => {
                "keys are being checked at the receiver's host at this moment, for another webhook; only one check at a time is made there"
            }
        }
    }
}
