//! What became of a signing key: whose it is or was, from when until when it signed, and who was shown it.
//!
//! It is put together from three things: the webhook's key ring if the key is still in it; what the store has found out of the key by its
//! fingerprint, which stays when the key and the webhook are gone; and the webhook's audit records. The key itself is in none of it.

mod past;
mod trail;

pub use self::past::{PastKey, PastKeyHistory, PastKeys};
pub use self::trail::{KeyTrail, MOST_SHOWN, Showing};
use crate::delivery::key_use::KeyUse;
use crate::id::WebhookId;
use crate::signing::key_ring::{Adoption, KeyRing};
use crate::signing::secret::Fingerprint;
use crate::signing::signing_protocol::SigningProtocol;
use crate::time::Instant;
use crate::webhook::Name;

/// What a store knows of a key of a webhook, by the [audit records](crate::access::audit::AuditRecord::named_keys).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Whose key it is or was.
    pub webhook: WebhookId,
    /// How it signs. Not known of keys that were made before stores noted it.
    pub protocol: Option<SigningProtocol>,
    /// When it was made or imported, if that was noted.
    pub made_at: Option<Instant>,
    /// The first instant at which it does not sign, by what was told of it last. While the key is in its webhook's ring, the ring knows better.
    pub ended_at: Option<Instant>,
}

/// Whether a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// It is the current key of its webhook.
    Current,
    /// It goes on signing until an instant of its own.
    Retired,
    /// It signs no more.
    Expired,
}

impl KeyState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Current, Self::Retired, Self::Expired];

    /// The name clients see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "CURRENT",
            Self::Retired => "RETIRED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What became of a key of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHistory {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// Whose it is or was.
    pub webhook: WebhookId,
    /// What the webhook is called, if it still exists and has a name.
    pub webhook_name: Option<Name>,
    /// Whether the webhook still exists.
    pub webhook_exists: bool,
    /// How it signs, if that is known.
    pub protocol: Option<SigningProtocol>,
    /// Whether it signs.
    pub state: KeyState,
    /// Since when it signs or signed, if that is known.
    pub signs_from: Option<Instant>,
    /// The first instant at which it does not sign any more; none for a current key, and where it is not known.
    pub signs_until: Option<Instant>,
    /// When and to whom it was shown, the latest first, [`MOST_SHOWN`] at the most. Nobody is shown a key with a public half.
    pub shown: Vec<Showing>,
    /// How often it was shown, by the records that were read.
    pub times_shown: u64,
    /// What was shown of it first: that the receiver verifies with it.
    pub adopted: Option<Adoption>,
    /// Whether all audit records that can be of the key were read.
    pub is_trail_whole: bool,
    /// What it has signed, of what is kept.
    pub used: KeyUse,
    /// Attempts at events that were published before then are not kept any more.
    pub attempts_kept_since: Instant,
}

/// What a history is put together from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// What the store has noted.
    pub known: KnownKey,
    /// The webhook's ring and name, if it still exists.
    pub webhook: Option<(&'a KeyRing, Option<&'a Name>)>,
    /// What the audit records say.
    pub trail: KeyTrail,
    /// Whether they were read back to the beginning of the key.
    pub is_trail_whole: bool,
    /// What it has signed.
    pub used: KeyUse,
    /// Since when attempts are kept.
    pub attempts_kept_since: Instant,
}

impl KeyHistory {
    /// What became of the key by `now`.
    #[must_use]
    pub fn judge(sources: Sources<'_>, now: Instant) -> Self {
        let Sources {
            known,
            webhook,
            trail,
            is_trail_whole,
            used,
            attempts_kept_since,
        } = sources;
        let fingerprint = trail.fingerprint.clone();
        let found = webhook.and_then(|(ring, _)| in_ring(ring, &fingerprint, now));
        let noted_end = || known.ended_at.or(trail.newest.flatten());
        let (state, signs_until) = match &found {
            Some(found) => (found.state, found.until),
            None => (KeyState::Expired, noted_end()),
        };
        let protocol = found.map(|found| found.protocol).or(known.protocol);
        let adopted = match (state, webhook) {
            (KeyState::Current, Some((ring, _))) => ring.adoption(),
            _ => trail.adopted,
        };
        let signs_from = known.made_at.or(trail.made_at);
        let (shown, times_shown) = trail.showings(protocol);
        Self {
            fingerprint,
            webhook: known.webhook,
            webhook_name: webhook.and_then(|(_, name)| name.cloned()),
            webhook_exists: webhook.is_some(),
            protocol,
            state,
            signs_from,
            signs_until,
            shown,
            times_shown,
            adopted,
            is_trail_whole,
            used,
            attempts_kept_since,
        }
    }
}

struct InRing {
    state: KeyState,
    until: Option<Instant>,
    protocol: SigningProtocol,
}

/// The key as it is in the ring. Of several with one fingerprint, it is the one that signs longest.
fn in_ring(ring: &KeyRing, fingerprint: &Fingerprint, now: Instant) -> Option<InRing> {
    if let Some(current) = ring.current().filter(|key| key.fingerprint() == *fingerprint) {
        return Some(InRing {
            state: KeyState::Current,
            until: None,
            protocol: current.protocol(),
        });
    }
    let of_key = ring
        .retired()
        .iter()
        .filter(|retired| retired.key.fingerprint() == *fingerprint);
    let retired = of_key.max_by_key(|retired| ring.end_of(retired))?;
    let signs = ring.retired_at(now).any(|valid| valid.key.id == retired.key.id);
    Some(InRing {
        state: if signs {
            KeyState::Retired
        } else {
            KeyState::Expired
        },
        until: Some(match signs {
            true => ring.expiry_of(retired, now),
            false => ring.end_of(retired),
        }),
        protocol: retired.key.protocol(),
    })
}
