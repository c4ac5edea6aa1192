//! Sessions: what a browser has in place of an API key.
//!
//! A session is begun with an API key and stands for it: the key is looked up at each request, so a session may never do more than its key
//! may at that moment, and ends with it. It ends by itself when nobody used it for [`IDLE`], and [`LONGEST`] after it began. The browser
//! keeps a random token; what is stored is the SHA-256 of it. A fast hash is right here: there is nothing to guess in 256 random bits.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::access::api_key::PresentedApiKey;
use crate::entropy::{Entropy, EntropyError};
use crate::signing::secret::SecretText;
use crate::time::{CLOCKS_APART, Instant};

/// A session that nobody used for so long has ended: 30 minutes.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// A session that began so long ago has ended, however much it is used: 12 hours.
pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// A use is noted this long after the one that was noted last, and not before: a minute.
pub const NOTED_EVERY: Duration = Duration::from_secs(60);
/// The most sessions of one API key. One that begins beyond it ends the one that began first.
pub const MOST_OF_ONE_KEY: u32 = 64;

const TOKEN_BYTES: usize = 32;
const TOKEN_LENGTH: usize = 43;

/// What a browser shows to go on with its session: 43 characters of base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionToken(SecretText);

impl SessionToken {
    /// Draws a new one.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = Zeroizing::new([0_u8; TOKEN_BYTES]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(SecretText::new(BASE64URL_NOPAD.encode(bytes.as_slice()))))
    }

    /// Reads one that was presented: none when it has another form.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let has_form = text.len() == TOKEN_LENGTH && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok();
        has_form.then(|| Self(SecretText::new(text.to_owned())))
    }

    /// The token's text. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.0.expose().as_bytes()).as_ref());
        SessionDigest(bytes)
    }
}

/// The SHA-256 of a session's token: what is stored of it, and what it is found by. How long a comparison takes tells nothing of a token that
/// could not be drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionDigest(pub [u8; 32]);

/// A session as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// What its token must hash to.
    pub digest: SessionDigest,
    /// The API key that it was begun with, as it was presented then.
    pub api_key: PresentedApiKey,
    /// When it began.
    pub began_at: Instant,
    /// When it was last noted to be used.
    pub used_at: Instant,
}

impl Session {
    /// The session that `token` stands for, begun at `now`.
    #[must_use]
    pub fn begun(token: &SessionToken, api_key: PresentedApiKey, now: Instant) -> Self {
        Self {
            digest: token.digest(),
            api_key,
            began_at: now,
            used_at: now,
        }
    }

    /// Whether it goes on at `now`. One that began later, by a clock that was ahead, does not.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        let ends_at = self.used_at.plus(IDLE).min(self.began_at.plus(LONGEST));
        now < ends_at && self.began_at <= now.plus(CLOCKS_APART)
    }

    /// Whether a use at `now` is to be noted.
    #[must_use]
    pub fn is_to_be_noted(&self, now: Instant) -> bool {
        now >= self.used_at.plus(NOTED_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::api_key::ApiKeyDigest;
    use crate::id::ApiKeyId;
    use crate::testing::{ManualClock, SeededEntropy};

    const NOW: Instant = ManualClock::START;

    fn session() -> Session {
        let entropy = SeededEntropy::default();
        let api_key = PresentedApiKey {
            id: ApiKeyId::generate(NOW, &entropy).unwrap(),
            digest: ApiKeyDigest([7; 32]),
        };
        Session::begun(&SessionToken::generate(&entropy).unwrap(), api_key, NOW)
    }

    #[test]
    fn a_token_reads_back_and_hashes_alike() {
        let token = SessionToken::generate(&SeededEntropy::default()).unwrap();
        let read = SessionToken::read(token.expose()).unwrap();
        assert_eq!(read.digest(), token.digest());
        let one_less = &token.expose()[1..];
        for wrong in ["", one_less, &format!("{one_less}!"), &format!("{one_less}ab")] {
            assert!(SessionToken::read(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_has_256_random_bits_and_no_debug_text() {
        let entropy = SeededEntropy::default();
        let [one, other] = [(); 2].map(|()| SessionToken::generate(&entropy).unwrap());
        assert_ne!(one.digest(), other.digest());
        assert_eq!(BASE64URL_NOPAD.decode(one.expose().as_bytes()).unwrap().len(), 32);
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_its_longest_time() {
        let session = session();
        let second = Duration::from_secs(1);
        assert!(session.is_open(NOW.plus(IDLE.saturating_sub(second))));
        assert!(!session.is_open(NOW.plus(IDLE)));
        let used = |at| Session {
            used_at: at,
            ..session
        };
        assert!(used(NOW.plus(IDLE)).is_open(NOW.plus(IDLE)));
        let end = NOW.plus(LONGEST);
        assert!(used(end).is_open(end.minus(second)));
        assert!(!used(end).is_open(end));
    }

    #[test]
    fn a_session_of_a_clock_that_was_ahead_is_not_open() {
        let before = |by| NOW.minus(by);
        assert!(session().is_open(before(CLOCKS_APART)));
        assert!(!session().is_open(before(CLOCKS_APART + Duration::from_secs(1))));
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let session = session();
        assert!(!session.is_to_be_noted(NOW.plus(Duration::from_secs(59))));
        assert!(session.is_to_be_noted(NOW.plus(NOTED_EVERY)));
    }
}
