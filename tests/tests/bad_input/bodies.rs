//! Bodies that are not JSON, or not the JSON of an object with each field once.

use serde_json::{Value, json};
use webhook_tests::{Backend, on_each_database};

use super::{BOTH_DOORS, Door, SECRET, Scene};

on_each_database!(
    what_is_not_json_is_refused,
    what_is_no_object_is_refused,
    a_duplicate_field_is_refused,
    deeply_nested_json_is_refused,
    invalid_utf8_is_refused,
    a_nul_is_refused_in_every_text,
    an_empty_body_creates_nothing,
);

const NOT_JSON: [&str; 1] = ["BAD_REQUEST"];

/// The smallest object of `door` as text, with `members` after its own.
fn object_with(door: Door, members: impl AsRef<[u8]>) -> Vec<u8> {
    let object = door.object().to_string();
    [
        object.trim_end_matches('}').as_bytes(),
        b",",
        members.as_ref(),
        b"}",
    ]
    .concat()
}

fn what_is_not_json_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let cases = [
        " ".to_owned(),
        "\n\t\r ".to_owned(),
        "\0".to_owned(),
        "{".to_owned(),
        "}".to_owned(),
        "{}}".to_owned(),
        "{} {}".to_owned(),
        "nonsense".to_owned(),
        "active=true&include_previous_data=false".to_owned(),
        "<xml/>".to_owned(),
        format!("{{\"password\":\"{SECRET}"),
        format!("{{\"password\":\"{SECRET}\",}}"),
        format!("{{'password':'{SECRET}'}}"),
        format!("{{\"password\":{SECRET}}}"),
        format!("// {SECRET}\n{{}}"),
    ];
    for door in BOTH_DOORS {
        for text in &cases {
            scene.refuse_text(door, text, &NOT_JSON, None);
        }
        let object = door.object();
        for text in [
            format!("{object} x"),
            format!("\u{feff}{object}"),
            format!("{object},"),
            format!("[{object}"),
        ] {
            scene.refuse_text(door, text, &NOT_JSON, None);
        }
        for members in [
            "\"name\":NaN",
            "\"name\":Infinity",
            "\"name\":01",
            "\"name\":+1",
            "\"name\":\"\\x41\"",
            "\"name\":\"a\nb\"",
        ] {
            scene.refuse_text(door, object_with(door, members), &NOT_JSON, None);
        }
        // Half of a surrogate pair is no character.
        let answer = scene
            .request(door)
            .json_text(object_with(door, "\"username\":\"\\ud800\""))
            .send();
        assert_eq!(answer.status, 400, "{}", answer.shown());
        scene.expect_untouched(&answer);
    }
    scene.expect_no_new_webhook();
}

fn what_is_no_object_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let secret = format!("\"{SECRET}\"");
    for text in [
        "null",
        "true",
        "1",
        "-0",
        "1e999",
        "[]",
        "[{}]",
        "[true,false,\"NONE\"]",
        secret.as_str(),
    ] {
        for door in BOTH_DOORS {
            let answer = scene.request(door).json_text(text).send();
            assert_eq!(answer.status, 400, "{door:?} {text}: {}", answer.shown());
            scene.expect_untouched(&answer);
        }
    }
    scene.expect_no_new_webhook();
}

fn a_duplicate_field_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    let values = [
        ("name", json!("a"), json!("a")),
        ("url", json!(null), json!(null)),
        ("password", json!("Hunter"), json!(SECRET)),
        ("active", json!(true), json!(false)),
        ("included_actions", json!([]), json!(null)),
        // Not even what is ignored can be meant twice.
        ("id", json!("a"), json!("b")),
        ("secret_key", json!(SECRET), json!(SECRET)),
    ];
    for (field, first, second) in values {
        for door in BOTH_DOORS {
            let mut object = door.object();
            object[field] = first.clone();
            let text = object.to_string();
            let twice = format!("{},\"{field}\":{second}}}", text.trim_end_matches('}'));
            scene.refuse_text(door, &twice, &["INVALID_FIELD"], Some(field));
        }
    }
    // The same name, spelt with an escape.
    let escaped = object_with(Door::Roll, "\"\\u0061ctive\":true");
    scene.refuse_text(Door::Roll, escaped, &["INVALID_FIELD"], Some("active"));
    scene.expect_no_new_webhook();
}

fn deeply_nested_json_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    const DEEP: usize = 5_000;
    let lists = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let objects = format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP));
    for door in BOTH_DOORS {
        for deep in [&lists, &objects] {
            let bodies = ["name", "included_actions", "penalty_box_data", "unheard_of"]
                .map(|field| object_with(door, format!("\"{field}\":{deep}")));
            for body in bodies.into_iter().chain([deep.clone().into_bytes()]) {
                let answer = scene.request(door).json_text(&body).send();
                assert_eq!(answer.status, 400, "{door:?}: {}", answer.shown());
                scene.expect_untouched(&answer);
            }
        }
        let open = scene.request(door).json_text("[".repeat(60_000)).send();
        assert_eq!(open.status, 400, "{door:?}: {}", open.shown());
    }
    scene.expect_no_new_webhook();
}

fn invalid_utf8_is_refused(backend: Backend) {
    let scene = Scene::new(backend);
    // A stray byte, a cut-off sequence, an overlong slash, half a surrogate pair, and beyond the last character.
    for bytes in [
        &b"\xff"[..],
        b"\xc3",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ] {
        for door in BOTH_DOORS {
            for field in ["name", "username", "password", "unheard_of"] {
                let member = [b"\"", field.as_bytes(), b"\":\"", SECRET.as_bytes(), bytes, b"\""].concat();
                let answer = scene.request(door).json_text(object_with(door, member)).send();
                assert_eq!(answer.status, 400, "{door:?} {field}: {}", answer.shown());
                scene.expect_untouched(&answer);
            }
            scene.refuse_text(door, bytes, &NOT_JSON, None);
        }
    }
    scene.expect_no_new_webhook();
}

fn a_nul_is_refused_in_every_text(backend: Backend) {
    let scene = Scene::new(backend);
    let nul = Value::from(format!("{SECRET}\0"));
    let texts = [
        "name",
        "reference",
        "authentication_type",
        "username",
        "password",
        "api_header_field",
        "api_key",
        "url",
        "signing_protocol",
    ];
    for door in BOTH_DOORS {
        for field in texts {
            if [
                "name",
                "reference",
                "authentication_type",
                "url",
                "signing_protocol",
            ]
            .contains(&field)
            {
                // No secrets, so they may be repeated.
                scene.refuse(door, json!({field: "text\0"}), &["INVALID_FIELD"], field);
            } else {
                scene.refuse(door, json!({field: nul}), &["INVALID_FIELD"], field);
            }
        }
        scene.refuse(
            door,
            json!({"included_actions": ["INVOICE.CREATED\0"]}),
            &["INVALID_FIELD"],
            "included_actions.0",
        );
    }
    scene.expect_no_new_webhook();
}

fn an_empty_body_creates_nothing(backend: Backend) {
    let scene = Scene::new(backend);
    let answers = [
        scene.request(Door::Create).json_text("").send(),
        scene.request(Door::Create).send(),
    ];
    for answer in answers {
        assert!([400, 415].contains(&answer.status), "{}", answer.shown());
    }
    scene.expect_no_new_webhook();
}
