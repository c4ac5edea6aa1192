//! Each ASCII character against each of the four published patterns, in the first, a middle and the last place.
//!
//! The admitted sets are written out here one character at a time, not as ranges, and not as the service has them.

use serde_json::{Value, json};
use webhook_tests::{Backend, on_each_database};

use super::{BOTH_DOORS, Door, SECRET, Scene};

on_each_database!(
    each_character_is_judged_by_the_pattern_of_its_field,
    characters_beyond_ascii_are_in_no_pattern,
    control_characters_are_in_no_label,
    labels_take_any_other_text,
);

/// `^[a-zA-Z0-9!#$%&-_.*]*$`, whose `&-_` is a range.
const U: &str = "!#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_abcdefghijklmnopqrstuvwxyz";
/// `^[a-zA-Z0-9_\-]*$`
const H: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
/// `^[a-zA-Z0-9]*$`
const K: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Beyond ASCII. The later ones are letters and digits to Unicode, and so to a pattern that is not told otherwise:
/// é, long s, the Kelvin sign, a Cyrillic A, a full-width 5, an Arabic-Indic 3.
const UNICODE: [char; 11] = [
    '\u{80}',
    '\u{a0}',
    '\u{2028}',
    '\u{fffd}',
    '\u{1f600}',
    '\u{e9}',
    '\u{17f}',
    '\u{212a}',
    '\u{410}',
    '\u{ff15}',
    '\u{663}',
];

const FIELDS: [(&str, &str); 4] = [
    ("username", U),
    ("password", U),
    ("api_header_field", H),
    ("api_key", K),
];

/// `character` in the first, a middle and the last place of a text that is a secret where secrets go.
fn placed(character: char) -> [String; 3] {
    [
        format!("{character}{SECRET}"),
        format!("Hunter2{character}{SECRET}"),
        format!("{SECRET}{character}"),
    ]
}

fn each_character_is_judged_by_the_pattern_of_its_field(backend: Backend) {
    let mut scene = Scene::new(backend);
    let mut admitted = [0; 4];
    for (number, (field, pattern)) in FIELDS.into_iter().enumerate() {
        for character in (0..=127_u8).map(char::from) {
            for text in placed(character) {
                let changes = json!({field: text});
                for door in BOTH_DOORS {
                    if pattern.contains(character) {
                        expect_kept(&scene.accept(door, changes.clone()).json, field, &text);
                    } else {
                        scene.refuse(door, changes.clone(), &["INVALID_FIELD"], field);
                    }
                }
            }
            admitted[number] += usize::from(pattern.contains(character));
        }
    }
    assert_eq!(
        admitted,
        [88, 88, 64, 62],
        "as many characters as the contract's patterns admit"
    );
}

#[track_caller]
fn expect_kept(webhook: &Value, field: &str, text: &str) {
    if ["username", "api_header_field"].contains(&field) {
        assert_eq!(webhook[field], text);
    }
}

fn characters_beyond_ascii_are_in_no_pattern(backend: Backend) {
    let scene = Scene::new(backend);
    for character in UNICODE {
        for (field, _) in FIELDS {
            for text in placed(character) {
                scene.refuse(Door::Create, json!({field: text}), &["INVALID_FIELD"], field);
                scene.refuse(Door::Roll, json!({field: text}), &["INVALID_FIELD"], field);
            }
        }
    }
    scene.expect_no_new_webhook();
}

fn control_characters_are_in_no_label(backend: Backend) {
    let scene = Scene::new(backend);
    for character in (0..=0x1f).chain(0x7f..=0x9f).filter_map(char::from_u32) {
        for field in ["name", "reference"] {
            for text in [
                format!("{character}ab"),
                format!("a{character}b"),
                format!("ab{character}"),
            ] {
                scene.refuse(Door::Create, json!({field: text}), &["INVALID_FIELD"], field);
                scene.refuse(Door::Roll, json!({field: text}), &["INVALID_FIELD"], field);
            }
        }
    }
    scene.expect_no_new_webhook();
}

fn labels_take_any_other_text(backend: Backend) {
    let mut scene = Scene::new(backend);
    let printable: String = (0x20..0x7f).map(char::from).collect();
    for (number, text) in [
        printable.as_str(),
        "Büßer & Söhne",
        "日本語",
        "😀👩‍👩‍👧",
        "",
        "' OR 1=1 --",
        "{{7*7}}",
    ]
    .into_iter()
    .enumerate()
    {
        for door in BOTH_DOORS {
            let reference = format!("{number}{door:?}{text}");
            let webhook = scene.accept(door, json!({"name": text, "reference": reference}));
            assert_eq!(webhook.json["name"], text);
            assert_eq!(webhook.json["reference"], reference.as_str());
        }
    }
}
