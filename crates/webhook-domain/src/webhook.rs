//! The webhook: its settings, its key ring, its version, and what may be done to it.
//!
//! Everything that changes a webhook is a function from the webhook and an instant to the webhook after it.
//! A store runs such a function inside its transaction (see [`crate::ports::WebhookStore`]), so two changes
//! at once are one after the other and each sees what the other left.

mod actions;
mod announcement;
mod authentication;
mod collecting;
mod cursor;
mod custom_headers;
mod field_rules;
mod filter;
mod happened;
mod header_names;
mod held_up;
mod labels;
mod listing;
mod need;
mod previous_credentials;
mod rotation;
mod settings;
mod target_url;

pub use actions::{Action, ActionCatalogue, ActionList, ActionListError};
pub use announcement::{Announcement, Describe};
pub use authentication::{
    ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType, Credentials, Password, Username,
};
pub use collecting::Subscription;
pub use custom_headers::{
    CustomHeader, CustomHeaderName, CustomHeaderValue, CustomHeaders, CustomHeadersError, CustomHeadersUpdate,
};
pub use field_rules::{CurrentActions, FieldRules};
pub use filter::{UrlHost, WebhookFilter};
pub use happened::Happened;
pub use held_up::HeldUp;
pub use labels::*;
pub use listing::{Cursor, Direction, PageSize, PageStart, SortKey, WebhookOrder, WebhookPage, WebhookQuery};
pub use need::{Need, NeedPage, NeedPlace, NeedQuery};
pub use previous_credentials::PreviousCredentials;
pub use rotation::{NotedRollDue, RotationDays, WhenDue};
pub use settings::{Edit, Objections, Settings, SettingsUpdate};
pub use target_url::{HttpPolicy, TargetOrigin, TargetPolicy, TargetUrl};

use crate::error::Refusal;
use crate::id::{PlatformId, SigningKeyId, WebhookId};
use crate::signing::key_ring::{Evidence, ExpiresIn, KeyRing, NewKey, Overlap, WantedOverlap};
use crate::signing::secret::Fingerprint;
use crate::time::Instant;

/// Counts the changes of a webhook's settings and keys, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub i64);

impl Version {
    /// The version of a webhook that was just created.
    pub const FIRST: Self = Self(1);

    /// The version that a change makes of this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A condition on the version that a change is made to (`If-Match`, RFC 9110 §13.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// None, or merely that the webhook exists (`*`).
    #[default]
    Exists,
    /// The version is one of these. With none at all the condition cannot hold.
    VersionIn(Vec<Version>),
}

/// A webhook of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Which one.
    pub id: WebhookId,
    /// Whose.
    pub platform: PlatformId,
    /// What the client set.
    pub settings: Settings,
    /// The credentials before those of the settings, if a receiver may still know no others. May have expired and not be erased yet.
    pub previous_credentials: Option<PreviousCredentials>,
    /// What deliveries are signed with.
    pub key_ring: KeyRing,
    /// When it came into being.
    pub created_at: Instant,
    /// When its settings or keys last changed.
    pub updated_at: Instant,
    /// How often they did.
    pub version: Version,
    /// After how many days its deployment has keys due for a roll if the settings say nothing. It is not stored: the store that gives the
    /// webhook sets it.
    pub default_rotation: Option<RotationDays>,
    /// What holds its queue up, if anything does, where a store was asked for a webhook to be shown.
    pub held_up: Option<Box<HeldUp>>,
}

impl Webhook {
    /// A new webhook with its first key.
    #[must_use]
    pub fn create(
        id: WebhookId,
        platform: PlatformId,
        settings: Settings,
        key: NewKey,
        now: Instant,
    ) -> Self {
        let key_ring = KeyRing::new(key.under(settings.signing_protocol));
        Self::with_ring(id, platform, settings, key_ring, now)
    }

    /// A new webhook with keys that its receiver has already.
    #[must_use]
    pub fn with_ring(
        id: WebhookId,
        platform: PlatformId,
        settings: Settings,
        key_ring: KeyRing,
        now: Instant,
    ) -> Self {
        Self {
            id,
            platform,
            settings,
            previous_credentials: None,
            key_ring,
            created_at: now,
            updated_at: now,
            version: Version::FIRST,
            default_rotation: None,
            held_up: None,
        }
    }

    /// Whether `precondition` holds.
    ///
    /// # Errors
    /// [`Refusal::VersionMismatch`] when it does not.
    pub fn check(&self, precondition: &Precondition) -> Result<(), Refusal> {
        match precondition {
            Precondition::VersionIn(versions) if !versions.contains(&self.version) => {
                Err(Refusal::VersionMismatch)
            }
            _ => Ok(()),
        }
    }

    /// Applies `update`. One that changes nothing leaves the webhook as it is, its version included.
    ///
    /// # Errors
    /// What the update refuses, and [`Refusal::ProtocolNeedsRoll`].
    pub fn update(self, update: &SettingsUpdate, now: Instant) -> Result<Self, Refusal> {
        let (settings, previous) = self.updated(update, now)?;
        if settings.signing_protocol != self.settings.signing_protocol {
            return Err(Refusal::ProtocolNeedsRoll);
        }
        if settings == self.settings {
            return Ok(self);
        }
        Ok(self.with_settings(settings, previous, now).changed_at(now))
    }

    /// Applies `update` if there is one, and rolls the secret: both or neither. The new key signs by the protocol that the update leaves.
    ///
    /// # Errors
    /// What the update or the ring refuses.
    pub fn roll(
        mut self,
        update: Option<&SettingsUpdate>,
        key: NewKey,
        overlap: impl Into<WantedOverlap>,
        now: Instant,
    ) -> Result<Self, Refusal> {
        if let Some(update) = update {
            let (settings, previous) = self.updated(update, now)?;
            self = self.with_settings(settings, previous, now);
        }
        let key = key.under(self.settings.signing_protocol);
        let keys = self.key_ring.current().into_iter().chain([&key]);
        let overlap = overlap.into().between(keys)?;
        self.key_ring = self.key_ring.roll(key, overlap, now)?;
        Ok(self.changed_at(now))
    }

    /// The webhook whose previous key goes on signing, also beyond its overlap, until its receiver was shown to verify with the current one: at
    /// most until 30 days after `now`, at which it was retired. It is done in the step of a roll, and is no change of its own.
    #[must_use]
    pub fn keeping_previous(mut self, now: Instant) -> Self {
        self.key_ring = self.key_ring.keeping_previous(now);
        self
    }

    /// Leaves the webhook without a current key. With no current key and some overlap there is nothing to
    /// retire, and the webhook stays as it is.
    ///
    /// # Errors
    /// What the ring refuses.
    pub fn remove_secret(mut self, overlap: impl Into<WantedOverlap>, now: Instant) -> Result<Self, Refusal> {
        let overlap = overlap.into().between(self.key_ring.current())?;
        let nothing_to_retire = self.key_ring.current().is_none()
            && (overlap != Overlap::NONE || self.key_ring.previous(now).is_none());
        if nothing_to_retire {
            return Ok(self);
        }
        self.key_ring = self.key_ring.remove(overlap, now)?;
        Ok(self.changed_at(now))
    }

    /// Has the retired key with this fingerprint sign for so long from `now` on.
    ///
    /// # Errors
    /// What the ring refuses.
    pub fn set_expiry(
        mut self,
        fingerprint: &Fingerprint,
        expires_in: ExpiresIn,
        now: Instant,
    ) -> Result<Self, Refusal> {
        let before = self.key_ring.clone();
        self.key_ring = self.key_ring.set_expiry(fingerprint, expires_in, now)?;
        match self.key_ring == before {
            true => Ok(self),
            false => Ok(self.changed_at(now)),
        }
    }

    /// Undoes the last roll: the key that it retired is the current one again, under its own protocol. Settings that were changed with
    /// the roll stay.
    ///
    /// # Errors
    /// What the ring refuses.
    pub fn undo_roll(mut self, overlap: impl Into<WantedOverlap>, now: Instant) -> Result<Self, Refusal> {
        let ring = &self.key_ring;
        let retired = ring.retired().iter().map(|retired| &retired.key);
        let brought_back = retired.filter(|key| Some(key.id) == ring.undoable());
        let overlap = overlap
            .into()
            .between(ring.current().into_iter().chain(brought_back))?;
        self.key_ring = self.key_ring.undo_roll(overlap, now)?;
        if let Some(current) = self.key_ring.current() {
            self.settings.signing_protocol = current.protocol();
        }
        Ok(self.changed_at(now))
    }

    /// The webhook after `evidence` has shown at `now` that its receiver verifies with `key`. Not a change of version: nobody asked for it,
    /// and nobody's condition fails by it.
    #[must_use]
    pub fn proved(mut self, key: SigningKeyId, evidence: Evidence, now: Instant) -> Self {
        self.key_ring = self.key_ring.proved(key, evidence, now);
        self
    }

    /// The webhook once it is told at `now` that a key of it stops soon, if there is that to tell. Not a change of version.
    #[must_use]
    pub fn told_of_expiry(&self, now: Instant) -> Option<Self> {
        let key_ring = self.key_ring.told_of_expiry(now)?;
        Some(Self {
            key_ring,
            ..self.clone()
        })
    }

    /// The webhook without the keys and the credentials that have expired by `now`. Not a change of version: since their instant
    /// nobody was shown them, and nothing was signed or sent with them.
    #[must_use]
    pub fn without_expired_keys(mut self, now: Instant) -> Self {
        self.key_ring = self.key_ring.without_expired(now);
        self.previous_credentials = self
            .previous_credentials
            .filter(|previous| now < previous.expires_at);
        self
    }

    /// When the next of its keys or credentials expires, or has expired without having been erased.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        let previous = self.previous_credentials.as_ref();
        let credentials = previous.map(|previous| previous.expires_at);
        self.key_ring.next_expiry().into_iter().chain(credentials).min()
    }

    /// The previous credentials, if they may be used at `now`.
    #[must_use]
    pub fn previous_credentials(&self, now: Instant) -> Option<&PreviousCredentials> {
        let previous = self.previous_credentials.as_ref();
        previous.filter(|previous| previous.usable_at(&self.settings, now))
    }

    /// The settings and the previous credentials after `update`.
    fn updated(
        &self,
        update: &SettingsUpdate,
        now: Instant,
    ) -> Result<(Settings, Option<PreviousCredentials>), Refusal> {
        let settings = update.apply(self.settings.clone())?;
        let keep_for = update.previous_credentials_expires_in;
        let previous = PreviousCredentials::after_update(self, &settings, keep_for, now)?;
        Ok((settings, previous))
    }

    fn with_settings(
        mut self,
        settings: Settings,
        previous: Option<PreviousCredentials>,
        now: Instant,
    ) -> Self {
        self.held_up = self
            .held_up
            .and_then(|held_up| held_up.after_change(&self.settings, &settings, now));
        self.settings = settings;
        self.previous_credentials = previous;
        self
    }

    fn changed_at(mut self, now: Instant) -> Self {
        self.updated_at = now.max(self.updated_at);
        self.version = self.version.next();
        self
    }
}
