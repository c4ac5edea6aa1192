//! Which credential is asked after where.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use webhook_domain::access::caller::{Caller, Credential, PlatformScope, TokenSubject};
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::ports::Outcome;
use webhook_domain::ports::{MockTokenVerifier, TokenVerifier};
use webhook_domain::services::{ApiKeyService, AuthenticationError, Authenticator, CreateApiKey, Presented};
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};

const TOKEN: &str = "a.token.signed";

fn token_caller() -> Caller {
    Caller {
        credential: Credential::Token(TokenSubject::parse("billing").unwrap()),
        scope: PlatformScope::One(fixtures::acme()),
        permissions: PermissionSet::default(),
    }
}

/// Believes [`TOKEN`] at the clock's instant, and is asked `times` times.
fn believing(times: usize) -> Option<Arc<dyn TokenVerifier>> {
    let mut tokens = MockTokenVerifier::new();
    tokens
        .expect_verify()
        .times(times)
        .returning(|token, now| (token == TOKEN && now == ManualClock::START).then(token_caller));
    Some(Arc::new(tokens))
}

/// An authenticator over one API key for `acme`, and that key.
async fn authenticator(tokens: Option<Arc<dyn TokenVerifier>>) -> (Authenticator, String) {
    let clock = Arc::new(ManualClock::default());
    let entropy = Arc::new(SeededEntropy::default());
    let api_keys = ApiKeyService::new(Arc::new(MemoryStore::new()), clock.clone(), entropy);
    let create = CreateApiKey {
        name: None,
        idempotent: None,
        scope: PlatformScope::One(fixtures::acme()),
        permissions: PermissionSet::default(),
        lifetime: None,
    };
    let created = api_keys
        .create(&fixtures::operator(&fixtures::acme()), create)
        .await;
    let Outcome::Done { subject, .. } = created.unwrap() else {
        unreachable!("it was asked for once");
    };
    let key = subject.text.expose().to_owned();
    (Authenticator::new(api_keys, tokens, clock), key)
}

async fn rejects(authenticator: &Authenticator, presented: Presented<'_>) {
    let outcome = authenticator.authenticate(presented).await;
    assert!(matches!(outcome, Err(AuthenticationError::Rejected)));
}

#[tokio::test]
async fn an_api_key_is_taken_either_way_and_no_verifier_is_shown_it() {
    let (authenticator, key) = authenticator(believing(0)).await;
    for presented in [Presented::ApiKey(&key), Presented::Bearer(&key)] {
        let caller = authenticator.authenticate(presented).await.unwrap();
        assert!(matches!(caller.credential, Credential::ApiKey(_)));
    }
    rejects(&authenticator, Presented::Bearer("whkey_x")).await;
}

#[tokio::test]
async fn a_token_is_taken_as_a_bearer() {
    let (authenticator, _) = authenticator(believing(2)).await;
    let caller = authenticator
        .authenticate(Presented::Bearer(TOKEN))
        .await
        .unwrap();
    assert_eq!(caller.credential, token_caller().credential);
    rejects(&authenticator, Presented::Bearer("another.token.signed")).await;
}

#[tokio::test]
async fn a_token_is_not_taken_as_an_api_key() {
    let (authenticator, _) = authenticator(believing(0)).await;
    rejects(&authenticator, Presented::ApiKey(TOKEN)).await;
}

#[tokio::test]
async fn without_a_verifier_no_token_is_taken() {
    let (authenticator, key) = authenticator(None).await;
    rejects(&authenticator, Presented::Bearer(TOKEN)).await;
    assert!(authenticator.authenticate(Presented::Bearer(&key)).await.is_ok());
}
