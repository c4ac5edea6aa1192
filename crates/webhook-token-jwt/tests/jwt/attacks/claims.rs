//! Attacks by the claims that say whose token it is, for whom and when: `iss`, `aud`, `exp`, `nbf`, `iat`.

use serde_json::{Value, json};

use super::super::issuer::{AUDIENCE, ISSUER, claims, from_now, with, without};
use super::{Attack, Parties};

pub(super) fn attacks(parties: &Parties) -> Vec<Attack> {
    let now = f64::from(i32::try_from(from_now(0)).unwrap());
    let wrong: [(&str, Vec<Value>); 5] = [
        (
            "exp",
            vec![
                json!(from_now(600).to_string()),
                json!("2999-01-01T00:00:00Z"),
                json!("never"),
                json!(""),
                json!(null),
                json!(true),
                json!([from_now(600)]),
                json!({"exp": from_now(600)}),
                json!(from_now(-60)),
                json!(from_now(-61)),
                json!(from_now(-86_400)),
                json!(now - 60.5),
                json!(0),
                json!(-1),
                json!(-1.5),
                json!(i64::MIN),
                json!(i64::MAX),
                json!(u64::MAX),
                json!(1e300),
                json!(-1e300),
                // Milliseconds, taken for seconds, are good for fifty thousand years.
                json!(from_now(-600) * 1_000),
            ],
        ),
        (
            "nbf",
            vec![
                json!(from_now(61)),
                json!(now + 60.5),
                json!(u64::MAX),
                json!(1e300),
                json!("0"),
                json!(null),
                json!([0]),
                json!(false),
            ],
        ),
        (
            "iat",
            vec![
                json!(from_now(61)),
                json!(now + 60.5),
                json!(u64::MAX),
                json!("0"),
                json!(null),
                json!([0]),
            ],
        ),
        (
            "aud",
            vec![
                json!("others"),
                json!(""),
                json!([]),
                json!(["others"]),
                json!([""]),
                json!([[AUDIENCE]]),
                json!([AUDIENCE, 1]),
                json!([AUDIENCE, null]),
                json!(1),
                json!(null),
                json!(true),
                json!({"aud": AUDIENCE}),
                json!(format!("{AUDIENCE}/")),
                json!(format!("{AUDIENCE} others")),
                json!(format!("others,{AUDIENCE}")),
                json!(AUDIENCE.to_uppercase()),
                json!("*"),
                json!(ISSUER),
            ],
        ),
        (
            "iss",
            vec![
                json!("https://stranger.example"),
                json!(""),
                json!([ISSUER]),
                json!([ISSUER, "https://stranger.example"]),
                json!({"iss": ISSUER}),
                json!(null),
                json!(1),
                json!(true),
                json!(format!("{ISSUER}/")),
                json!(format!("{ISSUER} ")),
                json!(format!("{ISSUER}.stranger.example")),
                json!(format!("{ISSUER}@stranger.example")),
                json!(ISSUER.to_uppercase()),
                json!(ISSUER.replace("https", "http")),
                json!("*"),
            ],
        ),
    ];
    let mut table = Vec::new();
    for key in &parties.issuers {
        let mut add = |name: &str, claims: &Value| {
            table.push((format!("{}: {name}", key.alg), key.token(&key.header(), claims)));
        };
        for missing in ["exp", "aud", "iss"] {
            add(&format!("no {missing}"), &without(claims(), missing));
        }
        for (claim, values) in &wrong {
            for value in values {
                add(
                    &format!("{claim} is {value}"),
                    &with(claims(), claim, value.clone()),
                );
            }
        }
        for text in twice() {
            table.push((
                format!("{}: twice: {text}", key.alg),
                key.token_of_texts(&key.header().to_string(), &text),
            ));
        }
    }
    table
}

/// A claim twice, the good one first or last; and numbers that JSON has and no type.
fn twice() -> Vec<String> {
    let good = claims().to_string();
    let rest = &good[1..];
    let past = from_now(-600);
    let future = from_now(600);
    let beside = [
        format!(r#""exp":{past}"#),
        format!(r#""exp":{future}"#),
        r#""iss":"https://stranger.example""#.into(),
        format!(r#""iss":"{ISSUER}""#),
        format!(r#""aud":"{AUDIENCE}""#),
        r#""aud":"others""#.into(),
        r#""sub":"somebody""#.into(),
        r#""platform_id":"*""#.into(),
        r#""platform_id":"acme""#.into(),
        r#""permissions":["WEBHOOK.REVEAL"]"#.into(),
        r#""iat":0"#.into(),
        r#""\u0065xp":1"#.into(),
    ];
    let mut texts: Vec<String> = beside.iter().map(|claim| format!("{{{claim},{rest}")).collect();
    texts.extend(
        beside
            .iter()
            .map(|claim| format!("{},{claim}}}", &good[..good.len() - 1])),
    );
    let exp = format!(r#""exp":{future}"#);
    assert!(good.contains(&exp));
    for number in [
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "1e",
        "+1",
        "01",
        "1_000",
    ] {
        texts.push(good.replace(&exp, &format!(r#""exp":{number}"#)));
    }
    texts
}
