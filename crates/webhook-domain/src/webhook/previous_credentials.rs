//! The credentials that a webhook had before, which a receiver that has not changed over yet still takes.
//!
//! A request carries one user name and password, or one API key. So an overlap of credentials is not one of signing keys, which all sign
//! the same request: the new ones are tried first, and the previous ones only if the receiver refuses those. There are at most one
//! previous pair, of the type in use, and it belongs to one receiver: the scheme, host and port that it was used at.
//!
//! | the change | previous credentials after it |
//! |---|---|
//! | of the scheme, host or port of `url`, or of `authentication_type` | none; asking to keep them is refused |
//! | of a credential in use, and they are to be kept | those in use before it, whatever was kept before |
//! | of a credential in use, and nothing is said | none |
//! | of anything else | as they were; asking to keep them is refused |
//!
//! What a release stored that does not know of previous credentials may have changed the receiver without dropping them. So whoever uses
//! them asks whether they [are of](Self::usable_at) the receiver and the type that the webhook has now.

use super::{Authentication, AuthenticationType, Credentials, Settings, TargetOrigin, TargetUrl, Webhook};
use crate::error::{InvalidValue, Refusal};
use crate::signing::key_ring::Overlap;
use crate::time::Instant;
use crate::webhook::Version;

/// The name of the field that asks for previous credentials to be kept.
const FIELD: &str = "previous_credentials_expires_in";

/// Credentials that were in use before the present ones, and may be used until an instant of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousCredentials {
    /// The version of the webhook from which on they are the previous ones. No two pairs of a webhook have the same, so it names them.
    pub since: Version,
    /// They themselves, and the type in use.
    pub authentication: Authentication,
    /// The receiver that they are for.
    pub origin: TargetOrigin,
    /// The first instant at which they are not used any more. In whole seconds.
    pub expires_at: Instant,
}

impl PreviousCredentials {
    /// What an update leaves of previous credentials that makes the settings of `webhook` those `after`, and asks for the credentials
    /// before it to be kept for so long.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] when they are to be kept and cannot be: no credential in use changes, or the receiver or the type does.
    pub(super) fn after_update(
        webhook: &Webhook,
        after: &Settings,
        keep_for: Overlap,
        now: Instant,
    ) -> Result<Option<Self>, Refusal> {
        let before = &webhook.settings;
        let is_same_receiver = before.authentication.kind() == after.authentication.kind()
            && is_same_origin(before.url.as_ref(), after.url.as_ref());
        let has_changed = before.authentication != after.authentication
            && used(&before.authentication) != used(&after.authentication);
        if keep_for == Overlap::NONE {
            let stays = is_same_receiver && !has_changed;
            return Ok(webhook.previous_credentials.clone().filter(|_| stays));
        }
        let refused = |expected| Err(Refusal::invalid(FIELD, InvalidValue::new(expected)));
        let origin = before.url.as_ref().map(TargetUrl::origin);
        let Some(origin) = origin.filter(|_| is_same_receiver) else {
            return refused(
                "must be 0 or absent when the scheme, host or port of the url or the authentication_type changes, and while there is no \
                 url: the previous credentials are for the receiver before",
            );
        };
        if !has_changed {
            return refused(
                "must be 0 or absent unless a credential of the authentication_type changes: username or password for PASSWORD, \
                 api_header_field or api_key for API_KEY",
            );
        }
        Ok(Some(Self {
            since: webhook.version.next(),
            authentication: used(&before.authentication),
            origin,
            expires_at: keep_for.after(now.whole_seconds()),
        }))
    }

    /// Whether they may be used at `now` for a webhook with these settings.
    #[must_use]
    pub fn usable_at(&self, settings: &Settings, now: Instant) -> bool {
        now < self.expires_at
            && self.authentication.kind() == settings.authentication.kind()
            && settings
                .url
                .as_ref()
                .is_some_and(|url| url.origin() == self.origin)
    }
}

/// Whether both lead to the same receiver. A URL that stays as it was, as at nearly every roll, is not parsed for it.
fn is_same_origin(before: Option<&TargetUrl>, after: Option<&TargetUrl>) -> bool {
    before == after || before.map(TargetUrl::origin) == after.map(TargetUrl::origin)
}

/// The type in use, with the credentials that it needs and no others.
fn used(authentication: &Authentication) -> Authentication {
    let all = authentication.credentials().clone();
    let credentials = match authentication.kind() {
        AuthenticationType::Password => Credentials {
            username: all.username,
            password: all.password,
            ..Credentials::default()
        },
        AuthenticationType::ApiKey => Credentials {
            api_header_field: all.api_header_field,
            api_key: all.api_key,
            ..Credentials::default()
        },
        AuthenticationType::None => Credentials::default(),
    };
    Authentication::restore(authentication.kind(), credentials)
}

#[cfg(test)]
mod tests;
