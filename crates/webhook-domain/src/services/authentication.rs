//! Whose request it is: the API key's or the bearer token's that came with it.

use std::sync::Arc;

use super::{ApiKeyService, AuthenticationError};
use crate::access::api_key::{self, PresentedApiKey};
use crate::access::caller::Caller;
use crate::ports::TokenVerifier;
use crate::time::Clock;

/// A credential as it was presented: not yet known to be anybody's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// As an API key, and as nothing else.
    ApiKey(&'a str),
    /// As a bearer: an API key by its first characters, or else a token.
    Bearer(&'a str),
    /// As an API key that was presented before, by whoever has its session.
    Again(&'a PresentedApiKey),
}

/// Finds out whose request it is.
#[derive(Clone)]
pub struct Authenticator {
    api_keys: ApiKeyService,
    tokens: Option<Arc<dyn TokenVerifier>>,
    clock: Arc<dyn Clock>,
}

impl Authenticator {
    /// Believes `api_keys`, and the tokens that `tokens` does; without it, none.
    #[must_use]
    pub fn new(
        api_keys: ApiKeyService,
        tokens: Option<Arc<dyn TokenVerifier>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            api_keys,
            tokens,
            clock,
        }
    }

    /// The caller that `presented` stands for now.
    ///
    /// # Errors
    /// [`AuthenticationError::Rejected`] for anything that is neither a key in force nor a token that is believed.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Caller, AuthenticationError> {
        match presented {
            Presented::Bearer(text) if !text.starts_with(api_key::PREFIX) => self.verify(text),
            Presented::Again(api_key) => self.api_keys.admit(api_key).await,
            Presented::ApiKey(text) | Presented::Bearer(text) => self.api_keys.authenticate(text).await,
        }
    }

    fn verify(&self, token: &str) -> Result<Caller, AuthenticationError> {
        let tokens = self.tokens.as_ref().ok_or(AuthenticationError::Rejected)?;
        tokens
            .verify(token, self.clock.now())
            .ok_or(AuthenticationError::Rejected)
    }
}
