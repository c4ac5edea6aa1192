//! Fields of the wrong type, missing, unknown, out of range, or with values nobody can mean.

use serde_json::{Value, json};
use webhook_tests::{
    Backend,
    fixtures::{create_with, get, with, without},
    on_each_database,
};

use super::{BOTH_DOORS, Door, SECRET, Scene};

on_each_database!(
    a_field_of_the_wrong_type_is_refused,
    a_required_field_can_be_neither_absent_nor_null,
    an_unknown_field_is_refused,
    fields_the_server_sets_are_ignored,
    a_bad_window_is_refused,
    bad_actions_are_refused,
    good_actions_are_kept,
    bad_urls_are_refused,
    good_urls_are_kept,
    an_unknown_signing_protocol_is_refused_with_the_ones_allowed,
    a_reference_in_use_is_refused,
);

const INVALID: [&str; 1] = ["INVALID_FIELD"];

fn a_field_of_the_wrong_type_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let texts = [
        "name",
        "reference",
        "username",
        "password",
        "api_header_field",
        "api_key",
        "url",
        "signing_protocol",
    ];
    let no_text = [
        json!(20_250_101),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
        json!([SECRET]),
        json!({"a": SECRET}),
    ];
    let no_boolean = [
        json!(0),
        json!(1),
        json!("true"),
        json!(""),
        json!([true]),
        json!({}),
    ];
    let no_type = [
        json!(1),
        json!(true),
        json!(""),
        json!("none"),
        json!("Password"),
        json!("BASIC"),
        json!(["NONE"]),
        json!({}),
    ];
    let no_list = [
        json!("INVOICE.CREATED"),
        json!(""),
        json!(1),
        json!(true),
        json!({}),
        json!({"0": "INVOICE.CREATED"}),
    ];
    let table: Vec<(&str, &[Value])> = texts
        .into_iter()
        .map(|name| (name, &no_text[..]))
        .chain([
            ("active", &no_boolean[..]),
            ("include_previous_data", &no_boolean),
            ("authentication_type", &no_type),
        ])
        .chain([("included_actions", &no_list[..]), ("excluded_actions", &no_list)])
        .collect();
    for (field, values) in table {
        for value in values {
            for door in BOTH_DOORS {
                scene.refuse(door, json!({field: value}), &INVALID, field);
            }
        }
    }
    for field in ["included_actions", "excluded_actions"] {
        for element in [json!(1), json!(null), json!(["INVOICE.CREATED"]), json!({})] {
            for door in BOTH_DOORS {
                scene.refuse(door, json!({field: [element]}), &INVALID, &format!("{field}.0"));
            }
        }
    }
    scene.expect_no_new_webhook();
}

fn a_required_field_can_be_neither_absent_nor_null(backend: Backend) {
    let scene = Scene::new(backend);
    for field in ["active", "include_previous_data", "authentication_type"] {
        let absent = without(Door::Roll.object(), field).to_string();
        scene.refuse_text(Door::Roll, absent, &["MISSING_FIELD"], Some(field));
        // The contract leaves open which of the two a null is.
        scene.refuse(
            Door::Roll,
            json!({field: null}),
            &["MISSING_FIELD", "INVALID_FIELD"],
            field,
        );
    }
    for field in ["name", "reference", "url"] {
        let absent = without(Door::Create.object(), field).to_string();
        scene.refuse_text(Door::Create, absent, &["MISSING_FIELD"], Some(field));
    }
    let empty = scene.request(Door::Roll).json_text("{}").send();
    empty.expect_refusal(400, "MISSING_FIELD");
    scene.expect_untouched(&empty);
    scene
        .request(Door::Create)
        .json_text("{}")
        .send()
        .expect_refusal(400, "MISSING_FIELD");
    scene.expect_no_new_webhook();
}

fn an_unknown_field_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    for field in [
        "Active",
        "actve",
        "secret",
        "user_name",
        "",
        "__proto__",
        "a b",
        "authenticationType",
        "é",
        "platform",
    ] {
        for value in [json!(null), json!(SECRET), json!({"a": [SECRET]})] {
            for door in BOTH_DOORS {
                scene.refuse(door, json!({field: value}), &INVALID, field);
            }
        }
    }
    scene.expect_no_new_webhook();
}

fn fields_the_server_sets_are_ignored(backend: Backend) {
    let mut scene = Scene::new(backend);
    let theirs = json!({
        "object_type": "INVOICE", "id": "whk_01arz3ndektsv4rrffq69g5fav", "secret_key": "whsec_AAAA",
        "previous_secret_key": "whsec_BBBB", "previous_signing_protocol": "none", "secret_rolled_at": "2001-01-01T00:00:00Z",
        "previous_secret_expires_at": "2001-01-01T00:00:00Z", "created_at": "2001-01-01T00:00:00Z",
        "updated_at": "2001-01-01T00:00:00Z", "penalty_box": "2001-01-01T00:00:00Z",
        "penalty_box_data": {"retry_count": 3, "cause": "none"},
    });
    for door in BOTH_DOORS {
        let webhook = scene.accept(door, theirs.clone());
        for (field, value) in theirs.as_object().expect("an object") {
            assert_ne!(&webhook.json[field], value, "{field} is the server's own");
        }
        let nulls: Value = theirs
            .as_object()
            .expect("an object")
            .keys()
            .map(|name| (name.clone(), Value::Null))
            .collect();
        scene.accept(door, nulls);
    }
}

fn a_bad_window_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    const FIELD: &str = "previous_secret_expires_in";
    const OF_CREDENTIALS: &str = "previous_credentials_expires_in";
    for value in [
        "-1",
        "604801",
        "1.5",
        "\"60\"",
        "true",
        "[]",
        "{}",
        "1e30",
        "18446744073709551616",
        "-9223372036854775809",
    ] {
        for field in [FIELD, OF_CREDENTIALS] {
            let object = Door::Roll.object().to_string();
            let text = format!("{},\"{field}\":{value}}}", object.trim_end_matches('}'));
            scene.refuse_text(Door::Roll, text, &INVALID, Some(field));
        }
    }
    for value in [
        "",
        "-1",
        "604801",
        "1.5",
        "sixty",
        "1e3",
        "0x10",
        "60s",
        "%00",
        "60&previous_secret_expires_in=60",
        "18446744073709551616",
    ] {
        let path = format!("{}?{FIELD}={value}", scene.webhook.secret_path());
        for method in ["PATCH", "DELETE"] {
            let answer = scene.client.request(method, &path).send();
            let refusal = answer.expect_refusal(400, "INVALID_FIELD");
            assert_eq!(refusal.field.as_deref(), Some(FIELD), "{method} {value}");
            scene.expect_untouched(&answer);
        }
    }
}

/// What no element of a list of actions can be.
fn no_actions() -> Vec<String> {
    let bad = [
        "",
        "INVOICE",
        "invoice.created",
        "INVOICE.",
        ".CREATED",
        "INVOICE..CREATED",
        "INVOICE.CREATED.",
        "INVOICE CREATED",
        "INVOICE.CREATED ",
        " INVOICE.CREATED",
        "1NVOICE.CREATED",
        "INVOICE.1CREATED",
        "_INVOICE.CREATED",
        "INVOICE.CREATED\n",
        "INVOICE.CREATED\u{0}",
        "*",
        "INVOICE.*",
        "ÍNVOICE.CREATED",
        "INVOICE-CREATED",
        "INVOICE.CREATED;",
    ];
    let too_long = format!("INVOICE.{}", "A".repeat(121));
    bad.into_iter().map(str::to_owned).chain([too_long]).collect()
}

fn bad_actions_are_refused(backend: Backend) {
    let scene = Scene::new(backend);
    for field in ["included_actions", "excluded_actions"] {
        for door in BOTH_DOORS {
            for bad in no_actions() {
                scene.refuse(door, json!({field: [bad]}), &INVALID, &format!("{field}.0"));
            }
            let second = json!({field: ["INVOICE.CREATED", "nonsense"]});
            scene.refuse(door, second, &INVALID, &format!("{field}.1"));
            let twice = json!({field: ["INVOICE.CREATED", "INVOICE.CREATED"]});
            scene.refuse(door, twice, &INVALID, &format!("{field}.1"));
            let many: Vec<String> = (0..257)
                .map(|number| format!("INVOICE.CREATED_{number}"))
                .collect();
            let answer = scene
                .request(door)
                .json(&with(door.object(), json!({field: many})))
                .send();
            let refusal = answer.expect_refusal(400, "INVALID_FIELD");
            assert!(refusal.field.expect("a field").starts_with(field));
            scene.expect_untouched(&answer);
        }
    }
    scene.expect_no_new_webhook();
}

fn good_actions_are_kept(backend: Backend) {
    let mut scene = Scene::new(backend);
    for door in BOTH_DOORS {
        let lists = json!({"included_actions": ["INVOICE.CREATED"], "excluded_actions": []});
        let webhook = scene.accept(door, lists).json;
        assert_eq!(webhook["included_actions"], json!(["INVOICE.CREATED"]));
        scene.accept(door, json!({"included_actions": null, "excluded_actions": null}));
    }
}

fn bad_urls_are_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let too_long = format!("https://receiver.example.com/{}", "x".repeat(2_048 - 28));
    assert_eq!(too_long.len(), 2_049);
    let with_password = format!("https://alice:{SECRET}@receiver.example.com/");
    let bad = [
        "",
        "receiver.example.com",
        "/hook",
        "//receiver.example.com/",
        "https:",
        "https://",
        "https:///hook",
        "ftp://receiver.example.com/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/plain,x",
        "ws://receiver.example.com/",
        "http://receiver.example.com/hook",
        "https://receiver.example.com/#fragment",
        "https://receiver.example.com/#",
        "https://alice@receiver.example.com/",
        "https://receiver.example.com:99999/",
        "https://receiver.example.com:x/",
        "https://rec eiver.example.com/",
        "https://[::1/",
        "https://receiver.example.com/\u{0}",
        "https://receiver.example.com/a\nb",
        "https://receiver.example.com/a\tb",
        " https://receiver.example.com/",
        "https://receiver.example.com/ ",
        "nonsense",
        "https://%00/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        &with_password,
        &too_long,
    ];
    for url in bad {
        for door in BOTH_DOORS {
            scene.refuse(door, json!({"url": url}), &INVALID, "url");
        }
    }
    scene.expect_no_new_webhook();
}

fn good_urls_are_kept(backend: Backend) {
    let mut scene = Scene::new(backend);
    let longest = format!("https://receiver.example.com/{}", "x".repeat(2_048 - 29));
    assert_eq!(longest.len(), 2_048);
    for url in [
        "https://receiver.example.com/hook?a=b&c=%20d",
        "https://receiver.example.com:8443/",
        "https://93.184.216.34/",
        &longest,
    ] {
        for door in BOTH_DOORS {
            assert_eq!(scene.accept(door, json!({"url": url})).json["url"], url);
        }
    }
}

fn an_unknown_signing_protocol_is_refused_with_the_ones_allowed(backend: Backend) {
    let scene = Scene::new(backend);
    for protocol in [
        "",
        "hmacsha256",
        "HmacSHA1",
        "HmacSHA256 ",
        "none",
        "HmacSHA256\u{0}",
        "HmacSHA512",
        "ed25519",
        "EdDSA",
    ] {
        for door in BOTH_DOORS {
            let object = with(door.object(), json!({"signing_protocol": protocol}));
            let answer = scene.request(door).json(&object).send();
            let refusal = answer.expect_refusal(400, "INVALID_FIELD");
            assert_eq!(refusal.field.as_deref(), Some("signing_protocol"));
            assert!(
                refusal.message.contains("HmacSHA256, Ed25519"),
                "it says what is allowed: {}",
                refusal.message
            );
            scene.expect_untouched(&answer);
        }
    }
    scene.expect_no_new_webhook();
}

fn a_reference_in_use_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let other = create_with(&scene.client, json!({"reference": "taken"}));
    for door in BOTH_DOORS {
        let object = with(door.object(), json!({"reference": "taken"}));
        let answer = scene.request(door).json(&object).send();
        let refusal = answer.expect_refusal(409, "RESOURCE_ALREADY_EXISTS");
        assert_eq!(refusal.field.as_deref(), Some("reference"));
        scene.expect_untouched(&answer);
    }
    assert_eq!(get(&scene.client, &other), other);
}
