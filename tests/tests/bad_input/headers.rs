//! Headers of a webhook's owner that are none, or are not the owner's to set.

use serde_json::{Value, json};
use webhook_tests::{Backend, on_each_database};

use super::{BOTH_DOORS, Door, SECRET, Scene};

on_each_database!(
    a_header_that_is_not_its_owners_is_refused,
    the_value_of_a_header_that_no_header_can_have_is_refused,
    a_set_of_headers_that_is_none_or_too_large_is_refused,
);

const INVALID: &[&str] = &["INVALID_FIELD"];

#[track_caller]
fn refuse(scene: &Scene, headers: Value, field: &str) {
    for door in BOTH_DOORS {
        scene.refuse(door, json!({"custom_headers": headers}), INVALID, field);
    }
}

fn a_header_that_is_not_its_owners_is_refused(backend: Backend) {
    let mut scene = Scene::new(backend);
    for name in [
        "Accept",
        "Accept_Encoding",
        "Connection",
        "Content_Length",
        "content-type",
        "CONTENT-ENCODING",
        "Cookie",
        "Date",
        "Expect",
        "Forwarded",
        "Host",
        "HTTP2-Settings",
        "Keep-Alive",
        "keep_alive",
        "Proxy-Authorization",
        "Proxy_Anything",
        "TE",
        "Traceparent",
        "TraceState",
        "Trailer",
        "Transfer_Encoding",
        "Upgrade",
        "User-Agent",
        "Via",
        "webhook-anything",
        "WEBHOOK_ID",
        "X-Forwarded-For",
        "x_forwarded_host",
        "X-Payload-Signature",
        "X_Payload_Other",
        "X-Real-IP",
    ] {
        refuse(&scene, json!({name: SECRET}), &format!("custom_headers.{name}"));
    }
    let long = "x".repeat(65);
    for name in [
        ":authority",
        "X/A",
        "X:A",
        "Zo\u{eb}(",
        "X\tA",
        "X\r\nA",
        "X\u{0}A",
        &long,
    ] {
        refuse(&scene, json!({name: SECRET}), "custom_headers");
    }
    for name in ["", "X A", "größe"] {
        refuse(&scene, json!({name: SECRET}), &format!("custom_headers.{name}"));
    }
    refuse(&scene, json!({"X-A": SECRET, "x_a": "v"}), "custom_headers.x_a");
    scene.expect_no_new_webhook();
    for name in [
        "Authorization",
        "X-Webhook-Id",
        "Webhook",
        "X-Forwarded",
        "Tea",
        "Accept-Language",
        "x.y~z",
    ] {
        for door in BOTH_DOORS {
            let shown = scene.accept(door, json!({"custom_headers": {name: SECRET}})).json;
            assert_eq!(shown["custom_headers"], json!({name: null}));
        }
    }
}

fn the_value_of_a_header_that_no_header_can_have_is_refused(backend: Backend) {
    let mut scene = Scene::new(backend);
    for value in [
        String::new(),
        " ".to_owned(),
        format!(" {SECRET}"),
        format!("{SECRET} "),
        format!("{SECRET}\t"),
        format!("{SECRET}\tb"),
        format!("{SECRET}\r\nX-B: c"),
        format!("{SECRET}\n"),
        format!("{SECRET}\u{0}"),
        format!("{SECRET}\u{7f}"),
        format!("{SECRET}é"),
        format!("{SECRET}\u{1f511}"),
        SECRET.repeat(74),
    ] {
        refuse(&scene, json!({"X-A": value}), "custom_headers.X-A");
    }
    for value in [json!(1), json!(true), json!([SECRET]), json!({"a": SECRET})] {
        refuse(&scene, json!({"X-A": value}), "custom_headers.X-A");
    }
    scene.expect_no_new_webhook();
    for value in ["v".repeat(1024), "a b  c".to_owned(), "!\"#~".to_owned()] {
        for door in BOTH_DOORS {
            scene.accept(door, json!({"custom_headers": {"X-A": value}}));
        }
    }
}

fn a_set_of_headers_that_is_none_or_too_large_is_refused(backend: Backend) {
    let mut scene = Scene::new(backend);
    let set = |count: usize, length: usize| -> Value {
        let headers = (0..count).map(|number| (format!("X-{number:02}"), json!("v".repeat(length))));
        headers.collect()
    };
    for wrong in [
        json!([]),
        json!([{"X-A": SECRET}]),
        json!(SECRET),
        json!(1),
        json!(true),
        set(17, 1),
        // 8 * 4 bytes of names, 8160 of values, and one more.
        with_one_more(set(8, 1020)),
        set(16, 1024),
    ] {
        refuse(&scene, wrong, "custom_headers");
    }
    for door in BOTH_DOORS {
        let twice = r#"{"X-A":"a","X-A":"b"}"#;
        let text = door.object().to_string();
        let text = text.replacen('{', &format!("{{\"custom_headers\":{twice},"), 1);
        scene.refuse_text(door, text, INVALID, Some("custom_headers.X-A"));
    }
    refuse(&scene, json!({"X-Unknown": null}), "custom_headers.X-Unknown");
    scene.expect_no_new_webhook();
    for door in BOTH_DOORS {
        for right in [set(16, 1), set(8, 1020), json!({}), json!(null)] {
            scene.accept(door, json!({"custom_headers": right}));
        }
    }
    // What is kept counts as well.
    scene.accept(Door::Roll, json!({"custom_headers": set(8, 1020)}));
    let mut more: Value = (0..8)
        .map(|number| (format!("X-{number:02}"), json!(null)))
        .collect();
    more["Y"] = json!("v");
    scene.refuse(
        Door::Roll,
        json!({"custom_headers": more}),
        INVALID,
        "custom_headers",
    );
}

fn with_one_more(mut set: Value) -> Value {
    set["X-00"] = json!("v".repeat(1021));
    set
}
