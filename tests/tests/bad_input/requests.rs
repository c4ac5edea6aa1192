//! Malformed ids and paths, and bodies of another type.

use webhook_tests::{Backend, on_each_database};

use super::{BOTH_DOORS, Scene};

on_each_database!(
    a_malformed_id_is_refused,
    a_strange_path_is_refused,
    an_unknown_id_is_not_found,
    a_body_of_another_type_is_refused,
    json_is_recognised_however_it_is_spelt,
);

fn a_malformed_id_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let right = scene.webhook.id().to_owned();
    let ulid = right.strip_prefix("whk_").expect("an id").to_owned();
    let mut bad = vec![
        "x".to_owned(),
        "whk_".to_owned(),
        "1".to_owned(),
        "null".to_owned(),
        ulid.clone(),
        format!("evt_{ulid}"),
        format!("WHK_{ulid}"),
        format!("whk-{ulid}"),
        format!("whk_{}", ulid.to_uppercase()),
        right[..29].to_owned(),
        format!("{right}0"),
        format!("whk_8{}", &ulid[1..]),
        format!("whk_z{}", &ulid[1..]),
        format!("{right}%20"),
        format!("%20{right}"),
        format!("{right}%00"),
        format!("{right}%0a"),
        format!("{}%C3%A9", &right[..28]),
        format!("{}%EF%BC%90", &right[..29]),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        "x".repeat(1_000),
        "'%20OR%201=1--".to_owned(),
    ];
    // Crockford's base32 has no I, L, O and U.
    bad.extend(['i', 'l', 'o', 'u', '-', '.', '~'].map(|letter| format!("{}{letter}", &right[..29])));
    for id in bad {
        for (method, suffix) in [("GET", ""), ("PATCH", "/secret-key"), ("DELETE", "/secret-key")] {
            let answer = scene
                .client
                .request(method, &format!("/v1/webhooks/{id}{suffix}"))
                .send();
            let refusal = answer.refusal();
            assert_eq!(
                (answer.status, refusal.code.as_str()),
                (400, "INVALID_ID"),
                "{method} {id}: {}",
                answer.shown()
            );
            scene.expect_untouched(&answer);
        }
    }
}

fn a_strange_path_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    for path in [
        "/v1/webhooks//secret-key",
        "/v1/webhooks/%FF/secret-key",
        "/v1/webhooks/%zz/secret-key",
        "/v1/webhooks/../secret-key",
        "/v1/webhooks/%2e%2e/secret-key",
        "/v1/webhooks/a%2fsecret-key",
        "//v1/webhooks",
        "/v1/webhooks/x/secret-key/",
        "/v1//webhooks",
    ] {
        for method in ["GET", "PATCH", "DELETE", "POST"] {
            let answer = scene.client.request(method, path).send();
            assert!(
                (400..500).contains(&answer.status),
                "{method} {path}: {}",
                answer.shown()
            );
        }
    }
    scene.expect_no_new_webhook();
}

fn an_unknown_id_is_not_found(backend: Backend) {
    let scene = Scene::new(backend);
    for id in [
        "whk_01arz3ndektsv4rrffq69g5fav",
        "whk_00000000000000000000000000",
        "whk_7zzzzzzzzzzzzzzzzzzzzzzzzz",
    ] {
        for (method, suffix) in [("GET", ""), ("PATCH", "/secret-key"), ("DELETE", "/secret-key")] {
            let answer = scene
                .client
                .request(method, &format!("/v1/webhooks/{id}{suffix}"))
                .send();
            answer.expect_refusal(404, "RESOURCE_NOT_FOUND");
            assert_eq!(answer.json()["resource_type"], "WEBHOOK");
        }
    }
}

fn a_body_of_another_type_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    for door in BOTH_DOORS {
        let object = door.object().to_string();
        for content_type in [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonx",
            "application/xml",
            "application",
            "",
            "nonsense",
            "application/octet-stream",
            "application/merge-patch+json",
        ] {
            let answer = scene.request(door).body(content_type, &object).send();
            answer.expect_refusal(415, "UNSUPPORTED_MEDIA_TYPE");
            scene.expect_untouched(&answer);
        }
        let untyped = scene.request(door).bytes(&object).send();
        untyped.expect_refusal(415, "UNSUPPORTED_MEDIA_TYPE");
        scene.expect_untouched(&untyped);
    }
    scene.expect_no_new_webhook();
}

fn json_is_recognised_however_it_is_spelt(backend: Backend) {
    let scene = Scene::new(backend);
    let spellings = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ];
    for content_type in spellings {
        for door in BOTH_DOORS {
            let answer = scene
                .request(door)
                .body(content_type, door.object().to_string())
                .send();
            assert!(
                [200, 201].contains(&answer.status),
                "{content_type}: {}",
                answer.shown()
            );
        }
    }
}
