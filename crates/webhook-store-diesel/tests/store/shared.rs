//! Several stores on one database, as several server processes are, or a server and a command line.

use std::collections::BTreeSet;
use std::sync::Arc;

use webhook_domain::Refusal;
use webhook_domain::ServiceError;
use webhook_domain::access::api_key::{ApiKeyDigest, PresentedApiKey};
use webhook_domain::access::caller::PlatformScope;
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::access::session::{Session, SessionToken};
use webhook_domain::delivery::key_check::allowance::{Allowance, NewCheck};
use webhook_domain::id::{ApiKeyId, KeyCheckId, WebhookId};
use webhook_domain::ports::{self, KeyCheckStore as _, Outcome};
use webhook_domain::services::{AuthenticationError, CreateApiKey, CreateWebhook, RevokeApiKey, RollSecret};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::Settings;
use webhook_store_diesel::SystemEntropy;

use crate::place::{Place, Services, on_each_database};

on_each_database! {
    rolls_through_two_stores_form_one_chain
    one_request_through_two_stores_rolls_once
    one_creation_through_two_stores_makes_one_webhook
    of_creations_with_one_reference_through_two_stores_one_wins
    a_key_revoked_through_one_store_is_refused_by_the_other_at_once
    of_checks_at_one_host_through_two_stores_one_begins
    sessions_through_two_stores_are_no_more_than_may_be
}

async fn rolls_through_two_stores_form_one_chain(place: Place) {
    let stores = [Services::over(&place.open()), Services::over(&place.open())].map(Arc::new);
    let webhook = stores[0].create().await;
    let rolls: Vec<_> = (0..200)
        .map(|number: usize| {
            let services = stores[number % 2].clone();
            tokio::spawn(async move { services.roll(webhook.id, Overlap::NONE).await.unwrap() })
        })
        .collect();
    let mut versions = BTreeSet::new();
    let mut last = None;
    for roll in rolls {
        let rolled = roll.await.unwrap();
        versions.insert(rolled.version);
        if last
            .as_ref()
            .is_none_or(|last: &webhook_domain::webhook::Webhook| rolled.version > last.version)
        {
            last = Some(rolled);
        }
    }
    let versions: Vec<_> = versions.into_iter().map(|version| version.0).collect();
    assert_eq!(
        versions,
        (2..=201).collect::<Vec<i64>>(),
        "each roll has a version of its own"
    );
    assert_eq!(stores[1].read(webhook.id).await.unwrap(), last.unwrap());
}

async fn one_request_through_two_stores_rolls_once(place: Place) {
    let stores = [Services::over(&place.open()), Services::over(&place.open())].map(Arc::new);
    for round in 0..20 {
        let webhook = stores[0].create().await;
        let requests: Vec<_> = (0..8)
            .map(|number: usize| {
                let services = stores[number % 2].clone();
                tokio::spawn(async move {
                    let name = format!("request-{round}");
                    let idempotent = Some(fixtures::request(&name, "roll"));
                    let roll = RollSecret {
                        idempotent,
                        ..RollSecret::default()
                    };
                    services
                        .secrets
                        .roll(&services.acting, webhook.id, roll)
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut answers = BTreeSet::new();
        let mut done = 0;
        for request in requests {
            match request.await.unwrap() {
                Outcome::Done { answer, .. } => {
                    done += 1;
                    answers.insert(answer.unwrap().expose().to_vec());
                }
                Outcome::Replayed(answer) => {
                    answers.insert(answer.expose().to_vec());
                }
            }
        }
        assert_eq!((done, answers.len()), (1, 1), "one roll, one answer");
        assert_eq!(stores[0].read(webhook.id).await.unwrap().version.0, 2);
    }
}

/// There is no row yet that could be locked: each is alone in its group, and the second finds out from the constraint, and gives the first one's answer.
async fn one_creation_through_two_stores_makes_one_webhook(place: Place) {
    let stores = [Services::over(&place.open()), Services::over(&place.open())].map(Arc::new);
    for (round, settings) in [fixtures::bare_settings(), fixtures::full_settings()]
        .into_iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        let requests: Vec<_> = (0..2)
            .map(|number: usize| {
                let (services, settings) = (stores[number].clone(), settings.clone());
                tokio::spawn(async move {
                    let create = CreateWebhook {
                        settings: Settings {
                            reference: settings
                                .reference
                                .map(|_| fixtures::reference(&format!("{round}"))),
                            ..settings
                        },
                        idempotent: Some(fixtures::request(&format!("creation-{round}"), "create")),
                    };
                    services.webhooks.create(&services.acting, create).await.unwrap()
                })
            })
            .collect();
        let mut answers = BTreeSet::new();
        let mut done = 0;
        for request in requests {
            match request.await.unwrap() {
                Outcome::Done { answer, .. } => {
                    done += 1;
                    answers.insert(answer.unwrap().expose().to_vec());
                }
                Outcome::Replayed(answer) => {
                    answers.insert(answer.expose().to_vec());
                }
            }
        }
        assert_eq!((done, answers.len()), (1, 1), "one webhook, one answer");
    }
}

async fn of_creations_with_one_reference_through_two_stores_one_wins(place: Place) {
    let stores = [Services::over(&place.open()), Services::over(&place.open())].map(Arc::new);
    let creations: Vec<_> = (0..16)
        .map(|number: usize| {
            let services = stores[number % 2].clone();
            tokio::spawn(async move { services.create_with(fixtures::full_settings()).await })
        })
        .collect();
    let mut won = 0;
    for creation in creations {
        match creation.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(
                matches!(error, ServiceError::Refused(Refusal::ReferenceTaken)),
                "refused for its reference and for nothing else: {error}"
            ),
        }
    }
    assert_eq!(won, 1);
}

async fn a_key_revoked_through_one_store_is_refused_by_the_other_at_once(place: Place) {
    let (one, other) = (Services::over(&place.open()), Services::over(&place.open()));
    for _ in 0..20 {
        let create = CreateApiKey {
            name: None,
            scope: PlatformScope::All,
            permissions: PermissionSet::all(),
            lifetime: None,
            idempotent: None,
        };
        let Ok(Outcome::Done { subject: created, .. }) = one.api_keys.create(&one.acting, create).await
        else {
            panic!("no key was made");
        };
        other.api_keys.authenticate(created.text.expose()).await.unwrap();
        let revoke = RevokeApiKey::default();
        one.api_keys
            .revoke(&one.acting, created.key.id, revoke)
            .await
            .unwrap();
        let refused = other.api_keys.authenticate(created.text.expose()).await;
        assert!(matches!(refused, Err(AuthenticationError::Rejected)));
    }
}

/// Whoever sees that there is none yet, and begins one, must not be overtaken in between.
async fn of_checks_at_one_host_through_two_stores_one_begins(place: Place) {
    let stores = [place.open(), place.open()];
    let entropy = SystemEntropy::new();
    let at = ManualClock::START;
    for round in 0..40 {
        let begun = stores.each_ref().map(|store| {
            let check = NewCheck {
                id: KeyCheckId::generate(at, &entropy).unwrap(),
                webhook: WebhookId::generate(at, &entropy).unwrap(),
                host: format!("{round}.example"),
                at,
                allowance: Allowance::OnRequest,
            };
            let store = store.clone();
            tokio::spawn(async move { store.begin(check).await })
        });
        let mut admitted = 0;
        for begun in begun {
            match begun.await.unwrap() {
                Ok(()) => admitted += 1,
                Err(ServiceError::Refused(Refusal::TooManyKeyChecks { .. })) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(admitted, 1, "round {round}");
    }
}

/// Each store writes one after the other; that the two do not write beside each other is for the database to see to.
async fn sessions_through_two_stores_are_no_more_than_may_be(place: Place) {
    let stores = [place.open(), place.open()];
    let entropy = SystemEntropy::new();
    for _ in 0..20 {
        let api_key = PresentedApiKey {
            id: ApiKeyId::generate(ManualClock::START, &entropy).unwrap(),
            digest: ApiKeyDigest([5; 32]),
        };
        let sessions = [(); 8].map(|()| {
            let token = SessionToken::generate(&entropy).unwrap();
            Session::begun(&token, api_key, ManualClock::START)
        });
        let beginning = stores.iter().cycle().zip(sessions).map(|(store, session)| {
            let store = store.clone();
            tokio::spawn(async move {
                ports::SessionStore::begin(store.as_ref(), session, 3)
                    .await
                    .unwrap()
            })
        });
        for begun in beginning.collect::<Vec<_>>() {
            begun.await.unwrap();
        }
        let mut kept = 0;
        for session in &sessions {
            kept += usize::from(
                ports::SessionStore::find(stores[0].as_ref(), session.digest)
                    .await
                    .unwrap()
                    .is_some(),
            );
        }
        assert_eq!(kept, 3);
    }
}
