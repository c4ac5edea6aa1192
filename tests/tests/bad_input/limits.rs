//! How long a text, a list and a body may be.

use serde_json::json;
use webhook_tests::{Backend, on_each_database, raw::Connection};

use super::{BOTH_DOORS, Door, Scene};

on_each_database!(
    a_text_has_at_most_256_characters,
    a_body_over_64_kib_is_refused,
    a_body_of_64_kib_is_read,
    a_body_that_says_it_is_huge_is_refused_before_it_comes,
    a_chunked_body_over_64_kib_is_refused,
);

const LIMIT: usize = 64 * 1024;

fn a_text_has_at_most_256_characters(backend: Backend) {
    let mut scene = Scene::new(backend);
    for field in [
        "name",
        "reference",
        "username",
        "password",
        "api_header_field",
        "api_key",
    ] {
        for door in BOTH_DOORS {
            for length in [257, 5_000] {
                scene.refuse(
                    door,
                    json!({field: "x".repeat(length)}),
                    &["INVALID_FIELD"],
                    field,
                );
            }
            // A reference is unique, so each is another.
            let letter = if door == Door::Create { "x" } else { "y" };
            let longest = letter.repeat(256);
            let webhook = scene.accept(door, json!({field: longest})).json;
            if webhook.get(field).is_some() {
                assert_eq!(webhook[field], longest.as_str());
            }
        }
    }
    // Characters, not bytes.
    for door in BOTH_DOORS {
        let umlauts = "ü".repeat(256);
        assert_eq!(
            scene.accept(door, json!({"name": umlauts})).json["name"],
            umlauts.as_str()
        );
        scene.refuse(door, json!({"name": "ü".repeat(257)}), &["INVALID_FIELD"], "name");
    }
}

/// The smallest object of `door`, blown up to `length` bytes by spaces.
fn padded(door: Door, length: usize) -> String {
    let object = door.object().to_string();
    format!("{object}{}", " ".repeat(length - object.len()))
}

fn a_body_over_64_kib_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    for door in BOTH_DOORS {
        for length in [LIMIT + 1, 1_000_000, 20_000_000] {
            let answer = scene.request(door).json_text(padded(door, length)).send();
            answer.expect_refusal(413, "INVALID_REQUEST");
            scene.expect_untouched(&answer);
        }
    }
    scene.expect_no_new_webhook();
}

fn a_body_of_64_kib_is_read(backend: Backend) {
    let scene = Scene::new(backend);
    for door in BOTH_DOORS {
        let answer = scene.request(door).json_text(padded(door, LIMIT)).send();
        assert!([200, 201].contains(&answer.status), "{}", answer.shown());
    }
}

/// A request whose head is sent, with `Content-Type: application/json` and `framing`.
#[track_caller]
fn begin(scene: &Scene, framing: &str) -> Connection {
    let (path, key) = (scene.webhook.secret_path(), scene.service.key());
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {key}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    );
    let mut connection = Connection::open(scene.client.address()).expect("it connects");
    connection.send(head.as_bytes()).expect("it sends");
    connection
}

fn a_body_that_says_it_is_huge_is_refused_before_it_comes(backend: Backend) {
    let scene = Scene::new(backend);
    for length in ["65537", "4294967296", "18446744073709551615"] {
        let mut connection = begin(&scene, &format!("Content-Length: {length}"));
        let answer = connection
            .read_answer()
            .expect("an answer without waiting for the body");
        answer.expect_refusal(413, "INVALID_REQUEST");
    }
}

fn a_chunked_body_over_64_kib_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let mut connection = begin(&scene, "Transfer-Encoding: chunked");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4_096));
    for _ in 0..17 {
        // The refusal may come, and the connection go, before all is sent.
        if connection.send(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let answer = connection.read_answer().expect("an answer");
    answer.expect_refusal(413, "INVALID_REQUEST");
    scene.expect_untouched(&answer);
    // Chunks that are small enough are a body like any other.
    let mut connection = begin(&scene, "Transfer-Encoding: chunked");
    let object = Door::Roll.object().to_string();
    let body = format!("{:x}\r\n{object}\r\n0\r\n\r\n", object.len());
    connection.send(body.as_bytes()).expect("it sends");
    connection.read_answer().expect("an answer").expect_status(200);
}
