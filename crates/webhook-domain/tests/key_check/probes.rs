//! What is sent, and what is not.

use std::collections::BTreeSet;
use std::time::Duration;

use webhook_domain::delivery::key_check::{Answered, KeyRole, Verdict};
use webhook_domain::services::{RollSecret, SecretKeyService, UpdateWebhook, WebhookService};
use webhook_domain::signing::key_ring::{Overlap, SigningKey};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::fixtures;
use webhook_domain::time::Clock as _;
use webhook_domain::webhook::{
    AuthenticationType, Edit, Precondition, SettingsUpdate, TargetPolicy, TargetUrl,
};

use crate::scene::*;

#[tokio::test]
async fn probes_differ_in_their_id_and_their_key_alone() {
    let mut orders = BTreeSet::new();
    for coin in [0, 1] {
        let fixture = Fixture::tossing(coin);
        let protocol = SigningProtocol::HmacSha256;
        let (webhook, keys) = fixture.rolled(protocol, protocol).await;
        let passing = fixture.clock.clone();
        fixture.conducts(move |_, _| {
            passing.advance_seconds(2);
            answered(401)
        });
        let began = fixture.clock.now();
        let check = fixture.check(&webhook).await.unwrap();
        assert_eq!(check.checked_at, began);

        let signed_by = |key: &SigningKey| fixture.got(|parcel| verifies(&Keys::verifier(&[key]), parcel));
        let (new, old) = (signed_by(&keys.new), signed_by(&keys.old));
        let places = |signed: &[bool]| {
            let places = signed.iter().enumerate().filter(|(_, signed)| **signed);
            places.map(|(place, _)| place).collect::<Vec<_>>()
        };
        assert_eq!(new.len(), 4);
        orders.insert((places(&new), places(&old)));

        let ids: BTreeSet<_> = fixture
            .got(|parcel| header(parcel, "webhook-id").to_owned())
            .into_iter()
            .collect();
        assert_eq!(ids.len(), 4, "no id twice");
        let same = fixture.got(|parcel| {
            let differs = ["webhook-id", "webhook-signature", "X-PAYLOAD-SIGNATURE"];
            let headers = parcel
                .headers
                .iter()
                .map(|(name, value)| match differs.contains(name) {
                    true => (*name, value.len().to_string()),
                    false => (*name, value.clone()),
                });
            let body = String::from_utf8(parcel.body.clone()).unwrap();
            let settings = (parcel.authentication.clone(), parcel.custom_headers.clone());
            (
                headers.collect::<Vec<_>>(),
                body,
                settings,
                parcel.url.clone(),
                parcel.is_probe,
            )
        });
        assert!(same.windows(2).all(|pair| pair[0] == pair[1]), "{same:#?}");
        let (headers, body, (authentication, custom_headers), url, is_probe) = &same[0];
        assert!(*is_probe);
        assert_eq!(*authentication, webhook.settings.authentication);
        assert_eq!(*custom_headers, webhook.settings.custom_headers);
        assert_eq!(Some(url), webhook.settings.url.as_ref());
        let seconds = began.as_seconds().to_string();
        assert!(headers.contains(&("webhook-timestamp", seconds)));
        let id = webhook.id;
        let expected = format!(
            r#"{{"created_at":"{began}","type":"WEBHOOK.KEY_CHECK","environment":"TEST","data":{{"webhook_id":"{id}"}}}}"#
        );
        assert_eq!(*body, expected);
    }
    // Each key alone, between the controls, in one order or the other.
    let both = BTreeSet::from([(vec![1], vec![2]), (vec![2], vec![1])]);
    assert_eq!(orders, both);
}

#[tokio::test]
async fn without_a_previous_key_the_current_one_alone_is_asked_about() {
    let fixture = Fixture::new();
    let webhook = fixture.webhook(fixtures::full_settings()).await;
    let current = webhook.key_ring.current().unwrap().clone();
    fixture.conducts(verifying(Keys::verifier(&[&current]), 401));
    let check = fixture.check(&webhook).await.unwrap();
    assert_eq!(check.verdict, Verdict::Adopted);
    assert_eq!(check.controls, [Answered::Sent(answered(401)); 2]);
    let [key] = &check.keys[..] else {
        panic!("{:?}", check.keys)
    };
    assert_eq!(
        (key.role, &key.fingerprint),
        (KeyRole::Current, &current.fingerprint())
    );
    assert_eq!(key.answered, Answered::Sent(answered(204)));
    // The newest one that still signs, and not one that has expired.
    let rolled = fixture.roll(&webhook, None, Overlap::DAY).await;
    fixture.clock.advance_seconds(86_400);
    assert_eq!(fixture.check(&rolled).await.unwrap().keys.len(), 1);
}

#[tokio::test]
async fn what_is_not_sent_within_twenty_seconds_is_not_sent() {
    let fixture = Fixture::new();
    let protocol = SigningProtocol::HmacSha256;
    let (webhook, keys) = fixture.rolled(protocol, protocol).await;
    let (passing, verifier) = (fixture.clock.clone(), Keys::verifier(&[&keys.new]));
    fixture.conducts(move |_, parcel| {
        passing.advance(Duration::from_millis(6_700));
        answered(if verifies(&verifier, parcel) { 204 } else { 401 })
    });
    let check = fixture.check(&webhook).await.unwrap();
    assert_eq!(check.verdict, Verdict::Unreachable);
    assert_eq!(check.controls, [Answered::Sent(answered(401)), Answered::NotSent]);
    assert!(check.keys[0].answered.is_accepted());
    let within = fixture.got(|parcel| parcel.within.unwrap().as_millis());
    assert_eq!(within, [20_000, 13_300, 6_600], "each has what is left");
}

#[tokio::test]
async fn a_key_that_is_ended_meanwhile_signs_no_more_and_nothing_goes_to_another_url() {
    let protocol = SigningProtocol::HmacSha256;
    let fixture = Fixture::tossing(1);
    let (webhook, keys) = fixture.rolled(protocol, protocol).await;
    let (store, clock, entropy) = (
        fixture.store.clone(),
        fixture.clock.clone(),
        fixture.entropy.clone(),
    );
    let (acting, id) = (fixture.acting.clone(), webhook.id);
    let secrets = SecretKeyService::new(store.clone(), clock.clone(), entropy.clone(), Overlap::DAY);
    fixture.conducts(move |number, _| {
        if number == 0 {
            let roll = RollSecret {
                overlap: Some(Overlap::NONE),
                ..RollSecret::default()
            };
            finished(secrets.roll(&acting, id, roll)).unwrap();
        }
        answered(401)
    });
    let check = fixture.check(&webhook).await.unwrap();
    assert_eq!(fixture.got(|_| ()).len(), 2, "both controls alone");
    assert_eq!(check.verdict, Verdict::Unreachable);
    let fingerprints: Vec<_> = check.keys.iter().map(|key| key.fingerprint.clone()).collect();
    assert_eq!(fingerprints, [keys.new.fingerprint(), keys.old.fingerprint()]);
    assert!(check.keys.iter().all(|key| key.answered == Answered::NotSent));

    let fixture = Fixture::new();
    let (webhook, _) = fixture.rolled(protocol, protocol).await;
    let webhooks = WebhookService::new(
        fixture.store.clone(),
        fixture.clock.clone(),
        fixture.entropy.clone(),
    );
    let (acting, id) = (fixture.acting.clone(), webhook.id);
    let other = TargetUrl::parse("https://other.example/".into(), &TargetPolicy::default()).unwrap();
    fixture.conducts(move |number, _| {
        if number == 1 {
            let update = UpdateWebhook {
                update: SettingsUpdate {
                    url: Edit::Set(other.clone()),
                    ..SettingsUpdate::new(true, true, AuthenticationType::Password)
                },
                precondition: Precondition::Exists,
                idempotent: None,
            };
            finished(webhooks.update(&acting, id, update)).unwrap();
        }
        answered(401)
    });
    let check = fixture.check(&webhook).await.unwrap();
    assert_eq!(fixture.got(|_| ()).len(), 2);
    assert_eq!(check.controls[1], Answered::NotSent);
}
