mod previous_credentials;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::access::api_key::{ApiKey, ApiKeyDigest};
use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::PlatformScope;
use crate::access::permission::{Permission, PermissionSet};
use crate::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, ResponseBody, StatusCode,
};
use crate::delivery::event::{Event, JsonText};
use crate::delivery::lane::{Epoch, LaneState, Position};
use crate::delivery::penalty_box::{PenaltyBox, ShortWaits};
use crate::delivery::trace::TraceContext;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::id::{ApiKeyId, PlatformId, ProcessId, WebhookId};
use crate::ports::{Pause, PauseReason};
use crate::sealing::{MasterKey, Vault};
use crate::signing::key_ring::{Evidence, Overlap};
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::{ManualClock, SeededEntropy, fixtures};
use crate::time::Instant;
use crate::webhook::{Authentication, AuthenticationType, Credentials, Name, Settings, Webhook};

const NOW: Instant = ManualClock::START;

fn vault() -> Vault {
    let entropy = Arc::new(SeededEntropy::default());
    Vault::new(MasterKey::generate(entropy.as_ref()).unwrap(), entropy).unwrap()
}

fn webhook() -> Webhook {
    let entropy = SeededEntropy::new(1);
    let mut webhook = fixtures::webhook(&fixtures::acme(), fixtures::full_settings(), NOW, &entropy);
    for _ in 0..2 {
        let key = fixtures::new_key(NOW, &entropy).under(SigningProtocol::HmacSha256);
        webhook.key_ring = webhook.key_ring.roll(key, Overlap::DAY, NOW).unwrap();
    }
    let current = webhook.key_ring.current().unwrap().id;
    webhook.proved(current, Evidence::Receipt, NOW)
}

/// The row once it has been on a disk.
fn kept<T: Serialize + DeserializeOwned>(row: &T) -> T {
    serde_json::from_str(&serde_json::to_string(row).unwrap()).unwrap()
}

#[test]
fn a_webhook_is_restored_as_it_was_and_its_row_holds_no_secret() {
    let vault = vault();
    for settings in [fixtures::full_settings(), fixtures::bare_settings()] {
        let webhook = Webhook {
            settings,
            ..webhook()
        };
        let row = StoredWebhook::of(&webhook, &vault).unwrap();
        let text = serde_json::to_string(&row).unwrap();
        for secret in ["whsec_", "pass-word", "k3y", "tenant 1", "r0ute"] {
            assert!(!text.contains(secret), "{secret}");
        }
        assert_eq!(kept(&row).restore(&vault), Ok(webhook));
    }
}

#[test]
fn a_secret_that_was_moved_to_another_webhook_is_not_restored() {
    let vault = vault();
    let mut row = StoredWebhook::of(&webhook(), &vault).unwrap();
    row.id = "whk_01hv9k2m4rt6w8y0abcdefghjk".into();
    let sealing = row.restore(&vault).unwrap_err();
    assert!(matches!(sealing, StoredError::Sealing { .. }), "{sealing:?}");
}

#[test]
fn the_value_of_a_custom_header_is_not_restored_under_another_name() {
    let vault = vault();
    let row = StoredWebhook::of(&webhook(), &vault).unwrap();
    let text = serde_json::to_string(&row).unwrap();
    for other in ["X-Gateway", "x-tenant", "X_Tenant"] {
        let renamed = text.replace("\"X-Tenant\"", &format!("\"{other}\""));
        let renamed: StoredWebhook = serde_json::from_str(&renamed).unwrap();
        let sealing = renamed.restore(&vault).unwrap_err();
        assert!(
            matches!(
                sealing,
                StoredError::Sealing {
                    field: "custom_headers",
                    ..
                }
            ),
            "{sealing:?}"
        );
    }
}

#[test]
fn a_row_from_before_custom_headers_has_none() {
    let vault = vault();
    let bare = Webhook {
        settings: fixtures::bare_settings(),
        ..webhook()
    };
    let row = serde_json::to_value(StoredWebhook::of(&bare, &vault).unwrap());
    let mut row = row.unwrap();
    assert!(row.as_object_mut().unwrap().remove("custom_headers").is_some());
    let row: StoredWebhook = serde_json::from_value(row).unwrap();
    assert_eq!(row.restore(&vault), Ok(bare));
}

#[test]
fn what_a_stricter_rule_would_refuse_is_restored() {
    let vault = vault();
    let mut row = StoredWebhook::of(&webhook(), &vault).unwrap();
    let odd = || Some("\u{7f} of an older rule: ".repeat(20));
    (row.name, row.reference, row.username) = (odd(), odd(), odd());
    row.api_header_field = Some("Content-Type".into());
    row.included_actions = Some(vec!["invoice created".into(); 300]);
    row.authentication_type = "PASSWORD".into();
    row.password = None;
    let restored = kept(&row).restore(&vault).unwrap();
    let settings = &restored.settings;
    assert!(Name::parse(odd().unwrap()).is_err());
    assert_eq!(settings.name, odd().map(Name::restore));
    assert_eq!(settings.authentication.kind(), AuthenticationType::Password);
    assert_eq!(
        settings.included_actions.as_ref().map(|list| list.iter().len()),
        Some(300)
    );
    let incomplete = Authentication::new(AuthenticationType::Password, Credentials::default());
    assert!(incomplete.is_err());
}

#[test]
fn a_permission_of_a_newer_release_is_nobodys() {
    let set = PermissionSet::restore(["WEBHOOK.VIEW", "WEBHOOK.TELEPORT"]);
    assert_eq!(set, PermissionSet::from_iter([Permission::WebhookView]));
}

#[test]
fn a_row_of_a_newer_form_is_refused_by_name() {
    let row = serde_json::to_string(&StoredPause {
        form: Form,
        since: 1,
        reason: "OPERATOR".into(),
    });
    let newer = row.unwrap().replace("\"form\":1", "\"form\":2");
    let error = serde_json::from_str::<StoredPause>(&newer)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("form 2 of a row, which a newer release has written"),
        "{error}"
    );
}

#[test]
fn keys_records_and_the_pause_are_restored_as_they_were() {
    let entropy = SeededEntropy::default();
    for (scope, expires_at) in [
        (PlatformScope::All, None),
        (PlatformScope::One(fixtures::acme()), Some(NOW)),
    ] {
        let key = ApiKey {
            id: ApiKeyId::generate(NOW, &entropy).unwrap(),
            name: Some(Name::parse("Zoë".into()).unwrap()),
            scope,
            permissions: PermissionSet::all(),
            digest: ApiKeyDigest([7; 32]),
            created_at: NOW,
            expires_at,
            revoked_at: expires_at,
        };
        assert_eq!(kept(&StoredApiKey::of(&key)).restore(), Ok(key));
    }
    for acting in [
        fixtures::acting(&fixtures::acme()),
        fixtures::operator(&fixtures::acme()),
    ] {
        let stamp = AuditStamp::new(&acting, NOW, &entropy).unwrap();
        let details = AuditDetails::of_keys(None, &webhook().key_ring, NOW);
        let record = stamp.record(AuditAction::SecretRolled, "whk_1".into(), details);
        assert_eq!(kept(&StoredAuditRecord::of(&record)).restore(), Ok(record));
    }
    let pause = Pause {
        since: NOW,
        reason: PauseReason::Restored,
    };
    assert_eq!(kept(&StoredPause::of(pause)).restore(), Ok(pause));
}

#[test]
fn an_answer_opens_in_its_own_slot_alone() {
    let (vault, acting) = (vault(), fixtures::acting(&fixtures::acme()));
    let request = fixtures::request("k", "body").by(&acting, NOW);
    let other = fixtures::request("other", "body").by(&acting, NOW);
    let answer = (request.render)(&webhook(), NOW);
    let row = kept(&StoredAnswer::of(&request, &answer, &vault).unwrap());
    assert_eq!(row.request(), Ok((request.fingerprint, NOW)));
    assert_eq!(row.restore(&request.slot.digest(), &vault), Ok(answer));
    assert!(row.restore(&other.slot.digest(), &vault).is_err());
}

#[test]
fn events_and_deliveries_are_restored_as_they_were() {
    let event = Event {
        data: JsonText::parse(br#"{ "total": 1.10, "big": 123456789012345678901 }"#).unwrap(),
        previous_data: Some(JsonText::parse(b"[1e400]").unwrap()),
        original_request_id: Some("reqr_1".parse().unwrap()),
        trace: TraceContext::parse(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ["rojo=1"],
        ),
        ..fixtures::event(&fixtures::acme(), "INVOICE.CREATED", NOW)
    };
    assert_eq!(kept(&StoredEvent::of(&event)).restore(), Ok(event.clone()));
    let webhook: WebhookId = webhook().id;
    for status in [
        DeliveryStatus::Pending,
        DeliveryStatus::Succeeded { at: NOW },
        DeliveryStatus::Failed { at: NOW },
    ] {
        let delivery = Delivery {
            status,
            ..Delivery::to(&event, webhook, true)
        };
        assert_eq!(kept(&StoredDelivery::of(&delivery)).restore(), Ok(delivery));
    }
    for outcome in [
        AttemptOutcome::of_answer(StatusCode::new(204).unwrap()),
        AttemptOutcome::of_answer(StatusCode::new(500).unwrap()),
        AttemptOutcome::failed(FailureCause::Timeout),
    ] {
        let attempt = Attempt {
            at: NOW,
            duration: std::time::Duration::from_millis(12),
            key_fingerprints: webhook_fingerprints(),
            host: Some("receiver.example".into()),
            credentials: CredentialsTaken::Previous,
            outcome,
            response_body: Some(ResponseBody::restore("no")),
        };
        assert_eq!(kept(&StoredAttempt::of(&attempt)).restore(), Ok(attempt));
    }
}

fn webhook_fingerprints() -> Vec<crate::signing::secret::Fingerprint> {
    webhook().key_ring.fingerprints(NOW)
}

#[test]
fn lanes_are_restored_as_they_were() {
    let boxes = [
        PenaltyBox::Out,
        PenaltyBox::Retrying {
            since: NOW,
            cause: FailureCause::Status(StatusCode::new(429).unwrap()),
            first_failed_at: NOW,
            retry_count: 3,
            failed_at: NOW,
            retry_at: NOW,
            short_waits: ShortWaits {
                count: 2,
                is_one: true,
            },
            planned_at: Some(NOW),
        },
        PenaltyBox::NextInTurn {
            since: NOW,
            cause: FailureCause::Connection,
            given_up_at: NOW,
        },
    ];
    for penalty_box in boxes {
        let lane = LaneState {
            owner: Some(ProcessId::generate(NOW, &SeededEntropy::default()).unwrap()),
            epoch: Epoch(7),
            done: Position(8),
            penalty_box,
            ready_at: Some(NOW),
        };
        assert_eq!(kept(&StoredLane::of(&lane)).restore(), Ok(lane));
    }
    let lane = LaneState::new(None);
    assert_eq!(kept(&StoredLane::of(&lane)).restore(), Ok(lane));
}

/// Written down as the releases since 0.1.0 have written them: a database of theirs must be readable.
#[test]
fn parts_of_rows_are_as_they_always_were() {
    let penalty_box =
        r#"{"since":1,"cause":"STATUS_CODE","status":503,"head":[2,3,4],"failed_at":5,"given_up_at":null}"#;
    let row: StoredPenaltyBox = serde_json::from_str(penalty_box).unwrap();
    assert_eq!(serde_json::to_string(&row).unwrap(), penalty_box);
    let attempt = r#"{"at":1,"ms":2,"status":204,"cause":null,"keys":["sha256:b4ea245fbd5d21ac"]}"#;
    let row: StoredAttempt = serde_json::from_str(attempt).unwrap();
    assert_eq!(
        serde_json::to_string(&row.restore().map(|attempt| StoredAttempt::of(&attempt)).unwrap()).unwrap(),
        attempt
    );
    assert!(
        !serde_json::to_string(&StoredWebhook::of(&webhook(), &vault()).unwrap().key_ring)
            .unwrap()
            .contains("form"),
        "a ring that the first release could have written is as that release writes it"
    );
    let ring = r#"{"current":{"id":"sgk_1","protocol":"HmacSHA256","sealed":"AQ=="},"retired":[{"key":{"id":"sgk_2","protocol":"HmacSHA256","sealed":"AQ=="},"retired_at":1,"expires_at":2}],"rolled_at":3}"#;
    let row: StoredRing = serde_json::from_str(ring).unwrap();
    assert_eq!(serde_json::to_string(&row).unwrap(), ring);
}

/// A webhook whose current key is one of Ed25519, and whose retired ones are HMAC keys.
fn webhook_of_both_kinds() -> Webhook {
    let mut webhook = webhook();
    let key = fixtures::new_key(NOW, &SeededEntropy::new(2)).under(SigningProtocol::Ed25519);
    webhook.key_ring = webhook.key_ring.roll(key, Overlap::DAY, NOW).unwrap();
    webhook
}

#[test]
fn a_ring_of_both_kinds_of_keys_is_restored_and_says_its_form() {
    let vault = vault();
    let webhook = webhook_of_both_kinds();
    let row = StoredWebhook::of(&webhook, &vault).unwrap();
    let ring = serde_json::to_string(&row.key_ring).unwrap();
    assert!(ring.starts_with(r#"{"form":2,"#), "{ring}");
    assert!(!ring.contains("whpk_") && !ring.contains("whsk_"), "{ring}");
    let restored = kept(&row).restore(&vault).unwrap();
    assert_eq!(restored, webhook);
    let public = |webhook: &Webhook| webhook.key_ring.current().unwrap().verification_key().cloned();
    assert_eq!(public(&restored), public(&webhook));

    // Once it holds no such key any more, every release can read it again.
    let hmac = fixtures::new_key(NOW, &SeededEntropy::new(3)).under(SigningProtocol::HmacSha256);
    let ring = webhook.key_ring.roll(hmac, Overlap::NONE, NOW).unwrap();
    let row = StoredWebhook::of(
        &Webhook {
            key_ring: ring,
            ..restored
        },
        &vault,
    )
    .unwrap();
    assert_eq!(row.key_ring.form, StoredRing::FIRST_FORM);
}

#[test]
fn a_ring_of_a_form_that_is_not_known_is_refused_by_its_number() {
    let vault = vault();
    for unknown in [0, 3, u32::MAX] {
        let mut row = StoredWebhook::of(&webhook(), &vault).unwrap();
        row.key_ring.form = unknown;
        let refused = kept(&row).restore(&vault).unwrap_err().to_string();
        assert!(refused.contains(&format!("the form {unknown},")), "{refused}");
    }
}

#[test]
fn a_key_is_not_restored_under_the_protocol_of_another_kind() {
    let vault = vault();
    for (from, to) in [
        ("Ed25519", "HmacSHA256"),
        ("HmacSHA256", "Ed25519"),
        ("Ed25519", "HmacSHA512"),
    ] {
        let row = StoredWebhook::of(&webhook_of_both_kinds(), &vault).unwrap();
        let text = serde_json::to_string(&row).unwrap().replace(from, to);
        let row: StoredWebhook = serde_json::from_str(&text).unwrap();
        assert!(row.restore(&vault).is_err(), "{from} as {to}");
    }
}

#[test]
fn a_platform_of_an_older_rule_is_restored() {
    assert!("a b".parse::<PlatformId>().is_err());
    assert_eq!(PlatformId::restore("a b").as_str(), "a b");
    assert_eq!(Settings::default().name, None);
}
