//! The receiver's credentials: what a type needs, and which headers are the sender's own.

use serde_json::{Value, json};
use webhook_tests::{Backend, fixtures::create_with, on_each_database};

use super::{BOTH_DOORS, Door, SECRET, Scene};

on_each_database!(
    a_header_the_sender_sets_itself_is_refused,
    password_needs_a_name_and_a_password,
    api_key_needs_a_header_and_a_key,
    what_a_type_needs_is_judged_on_the_result,
    taking_away_what_the_type_needs_is_refused,
);

fn a_header_the_sender_sets_itself_is_refused(backend: Backend) {
    let mut scene = Scene::new(backend);
    let own = [
        "host",
        "content-type",
        "content-length",
        "user-agent",
        "authorization",
        "x-payload-signature",
        "x-payload-signature-timestamp",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ];
    for header in own {
        // A receiver may read `_` as `-`.
        let joined = header.replace('-', "_");
        for spelt in [
            header.to_owned(),
            header.to_uppercase(),
            capitalised(header),
            joined,
        ] {
            for door in BOTH_DOORS {
                scene.refuse(
                    door,
                    json!({"api_header_field": spelt}),
                    &["INVALID_FIELD"],
                    "api_header_field",
                );
            }
        }
    }
    scene.expect_no_new_webhook();
    for header in [
        "X-Api-Key",
        "x-payload-signatures",
        "Authorization2",
        "x_webhook_id",
        "x-webhook-id",
    ] {
        for door in BOTH_DOORS {
            assert_eq!(
                scene.accept(door, json!({"api_header_field": header})).json["api_header_field"],
                header
            );
        }
    }
}

/// `content-type` as `Content-Type`.
fn capitalised(header: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    header.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// The contract has `MISSING_FIELD` for what a type lacks; a value that is there and unfit may be invalid instead.
const LACKING: [&str; 2] = ["MISSING_FIELD", "INVALID_FIELD"];

/// An update of a webhook that has no credentials yet, or the creation of one.
#[track_caller]
fn lacking(scene: &Scene, changes: Value, codes: &[&str], field: &str) {
    for door in BOTH_DOORS {
        scene.refuse(door, changes.clone(), codes, field);
    }
}

fn bare_scene(backend: Backend) -> Scene {
    let mut scene = Scene::new(backend);
    scene.webhook = create_with(&scene.client, json!({}));
    scene.listed = super::list(&scene.service);
    scene
}

fn password_needs_a_name_and_a_password(backend: Backend) {
    let scene = bare_scene(backend);
    let needs = |changes| webhook_tests::fixtures::with(json!({"authentication_type": "PASSWORD"}), changes);
    let missing = &["MISSING_FIELD"][..];
    lacking(&scene, needs(json!({"password": SECRET})), missing, "username");
    lacking(
        &scene,
        needs(json!({"password": SECRET, "username": null})),
        missing,
        "username",
    );
    lacking(&scene, needs(json!({"username": "alice"})), missing, "password");
    lacking(
        &scene,
        needs(json!({"username": "alice", "password": null})),
        missing,
        "password",
    );
    lacking(
        &scene,
        needs(json!({"username": "", "password": SECRET})),
        &LACKING,
        "username",
    );
    lacking(
        &scene,
        needs(json!({"username": "al:ice", "password": SECRET})),
        &LACKING,
        "username",
    );
    scene.expect_no_new_webhook();
}

fn api_key_needs_a_header_and_a_key(backend: Backend) {
    let scene = bare_scene(backend);
    let needs = |changes| webhook_tests::fixtures::with(json!({"authentication_type": "API_KEY"}), changes);
    let missing = &["MISSING_FIELD"][..];
    lacking(
        &scene,
        needs(json!({"api_key": SECRET})),
        missing,
        "api_header_field",
    );
    lacking(
        &scene,
        needs(json!({"api_header_field": "X-Token"})),
        missing,
        "api_key",
    );
    lacking(
        &scene,
        needs(json!({"api_header_field": null, "api_key": SECRET})),
        missing,
        "api_header_field",
    );
    lacking(
        &scene,
        needs(json!({"api_header_field": "", "api_key": SECRET})),
        &LACKING,
        "api_header_field",
    );
    lacking(
        &scene,
        needs(json!({"api_header_field": "X-Token", "api_key": ""})),
        &LACKING,
        "api_key",
    );
    scene.expect_no_new_webhook();
}

fn what_a_type_needs_is_judged_on_the_result(backend: Backend) {
    let mut scene = bare_scene(backend);
    scene.accept(Door::Roll, json!({"username": "alice", "password": SECRET}));
    scene.accept(Door::Roll, json!({"authentication_type": "PASSWORD"}));
    scene.accept(
        Door::Roll,
        json!({"authentication_type": "PASSWORD", "username": "bob"}),
    );
    scene.accept(
        Door::Roll,
        json!({"api_header_field": "X-Token", "api_key": SECRET}),
    );
    scene.accept(
        Door::Roll,
        json!({"authentication_type": "API_KEY", "username": null, "password": null}),
    );
}

fn taking_away_what_the_type_needs_is_refused(backend: Backend) {
    let mut scene = bare_scene(backend);
    scene.accept(
        Door::Roll,
        json!({"username": "alice", "password": SECRET, "authentication_type": "PASSWORD"}),
    );
    for field in ["username", "password"] {
        let changes = json!({"authentication_type": "PASSWORD", field: null});
        scene.refuse(Door::Roll, changes, &["MISSING_FIELD"], field);
    }
    scene.accept(
        Door::Roll,
        json!({"api_header_field": "X-Token", "api_key": SECRET, "authentication_type": "API_KEY"}),
    );
    for field in ["api_header_field", "api_key"] {
        let changes = json!({"authentication_type": "API_KEY", field: null});
        scene.refuse(Door::Roll, changes, &["MISSING_FIELD"], field);
    }
}
