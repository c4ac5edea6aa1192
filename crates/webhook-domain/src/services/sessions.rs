//! Sessions: signing in with an API key, going on, signing out.
//!
//! A session is worth what its API key is worth at that moment: who goes on with one is authenticated by the key that it was begun with,
//! as a request with the key itself would be.

use std::sync::Arc;

use super::{AuthenticationError, Authenticator, Presented};
use crate::access::api_key::PresentedApiKey;
use crate::access::caller::Caller;
use crate::access::session::{MOST_OF_ONE_KEY, Session, SessionToken};
use crate::entropy::Entropy;
use crate::error::StoreError;
use crate::ports::SessionStore;
use crate::time::Clock;

/// How many sessions are forgotten at a time.
const STEP: u32 = 256;

/// Begins sessions, goes on with them, ends them.
#[derive(Clone)]
pub struct SessionService {
    store: Arc<dyn SessionStore>,
    authenticator: Authenticator,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What uses a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedBy {
    /// Somebody who wants something: the session goes on being used.
    Person,
    /// A page that asks again by itself: nobody may be there any more.
    Page,
}

impl SessionService {
    /// Sessions in `store` of callers that `authenticator` believes.
    #[must_use]
    pub fn new(
        store: Arc<dyn SessionStore>,
        authenticator: Authenticator,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            authenticator,
            clock,
            entropy,
        }
    }

    /// Begins a session with the API key `text`. The token is the browser's, and nowhere else.
    ///
    /// # Errors
    /// [`AuthenticationError::Rejected`] for anything that is not the text of a key in force.
    pub async fn sign_in(&self, text: &str) -> Result<(SessionToken, Caller), AuthenticationError> {
        let api_key = PresentedApiKey::read(text).ok_or(AuthenticationError::Rejected)?;
        let caller = self.caller(&api_key).await?;
        let token = SessionToken::generate(self.entropy.as_ref())?;
        let session = Session::begun(&token, api_key, self.clock.now());
        self.store.begin(session, MOST_OF_ONE_KEY).await?;
        Ok((token, caller))
    }

    /// The caller that `token` stands for now.
    ///
    /// # Errors
    /// [`AuthenticationError::Rejected`] when the session is over or its API key is not in force any more.
    pub async fn resume(&self, token: &SessionToken, by: UsedBy) -> Result<Caller, AuthenticationError> {
        let now = self.clock.now();
        let found = self.store.find(token.digest()).await?;
        let session = found
            .filter(|session| session.is_open(now))
            .ok_or(AuthenticationError::Rejected)?;
        let caller = self.caller(&session.api_key).await?;
        if by == UsedBy::Person && session.is_to_be_noted(now) {
            self.store.note_use(session.digest, now).await?;
        }
        Ok(caller)
    }

    async fn caller(&self, api_key: &PresentedApiKey) -> Result<Caller, AuthenticationError> {
        let presented = Presented::Again(api_key);
        self.authenticator.authenticate(presented).await
    }

    /// Ends the session that `token` stands for, if there is one.
    ///
    /// # Errors
    /// The store's.
    pub async fn sign_out(&self, token: &SessionToken) -> Result<(), StoreError> {
        self.store.end(token.digest()).await
    }

    /// Forgets the sessions that are over, in small steps, and says how many they were.
    ///
    /// # Errors
    /// The store's; what was forgotten before stays forgotten.
    pub async fn forget_ended(&self) -> Result<u32, StoreError> {
        let mut forgotten = 0;
        loop {
            let step = self.store.forget_ended(self.clock.now(), STEP).await?;
            forgotten += step;
            if step < STEP {
                return Ok(forgotten);
            }
        }
    }
}
