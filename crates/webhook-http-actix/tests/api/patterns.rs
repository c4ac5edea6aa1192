//! The patterns in the OpenAPI document admit what the API admits.

use regex::Regex;
use serde_json::Value;
use webhook_domain::text::{self, H, K, U};

use crate::documented::{DOCUMENT, schema};
use crate::test_service::*;

/// Every pattern in `value`, with where it stands.
fn patterns(value: &'static Value, place: String, found: &mut Vec<(String, &'static str)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(pattern) if name == "pattern" => found.push((place.clone(), pattern)),
                    _ => patterns(member, format!("{place}/{name}"), found),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                patterns(item, format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_pattern_is_anchored_at_both_ends() {
    let mut found = Vec::new();
    patterns(&DOCUMENT, String::new(), &mut found);
    assert!(found.len() > 50);
    for (place, pattern) in found {
        let anchored = pattern.starts_with('^') && pattern.ends_with('$');
        // An alternative would slip past the anchors, unless it is in a group.
        let outside_groups: i32 =
            pattern
                .replace("\\(", "")
                .replace("\\)", "")
                .chars()
                .fold(0, |depth, c| match c {
                    '(' => depth + 1,
                    ')' => depth - 1,
                    '|' if depth == 0 => -100,
                    _ => depth,
                });
        assert!(anchored && outside_groups == 0, "{place}: {pattern}");
        assert!(Regex::new(pattern).is_ok(), "{place}: {pattern}");
    }
}

#[test]
fn the_published_patterns_admit_what_the_domain_admits() {
    for (pattern, field) in [
        (&U, "username"),
        (&U, "password"),
        (&H, "api_header_field"),
        (&K, "api_key"),
    ] {
        let documented = schema("UpdateWebhook")["properties"][field].clone();
        assert_eq!(documented["maxLength"], text::MAX_LENGTH);
        let regex = Regex::new(documented["pattern"].as_str().unwrap()).unwrap();
        for c in (0..0x250_u32).filter_map(char::from_u32) {
            for text in [format!("{c}a"), format!("a{c}"), c.to_string()] {
                assert_eq!(
                    regex.is_match(&text),
                    pattern.check(&text).is_ok(),
                    "{field} {text:?}"
                );
            }
        }
    }
}

#[actix_web::test]
async fn texts_admit_what_their_patterns_admit() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let fields = ["name", "reference", "url"];
    let texts = [
        "",
        "a",
        "ä",
        "\u{7f}",
        "\u{85}",
        "\n",
        "https://a",
        "HTTPS://a.b/c",
        "https:///a",
        "https:// a",
        "ftp://a",
    ];
    for field in fields {
        let documented = &schema("UpdateWebhook")["properties"][field];
        let regex = Regex::new(documented["pattern"].as_str().unwrap()).unwrap();
        for text in texts {
            let body = serde_json::json!({
                "active": true, "include_previous_data": false, "authentication_type": "NONE", field: text,
            });
            let answer = service.ask(update(&id, &body.to_string())).await;
            assert_eq!(answer.status == 200, regex.is_match(text), "{field} {text:?}");
        }
    }
}
