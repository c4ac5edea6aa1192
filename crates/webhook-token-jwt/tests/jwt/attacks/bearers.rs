//! Attacks by what a token says of its bearer: `sub`, `platform_id`, `permissions`.

use serde_json::{Value, json};

use super::super::issuer::{claims, with, without};
use super::{Attack, Parties};

pub(super) fn attacks(parties: &Parties) -> Vec<Attack> {
    let wrong: [(&str, Vec<Value>); 3] = [
        (
            "sub",
            vec![
                json!(""),
                json!("s".repeat(257)),
                json!("two\nlines"),
                json!("\0"),
                json!("\u{7f}"),
                json!(null),
                json!(1),
                json!(["billing"]),
                json!({"sub": "billing"}),
            ],
        ),
        (
            "platform_id",
            vec![
                json!(""),
                json!("**"),
                json!("* "),
                json!("acme "),
                json!("acme,other"),
                json!("acme/other"),
                json!("a".repeat(65)),
                json!("acmé"),
                json!(null),
                json!(1),
                json!(true),
                json!(["acme"]),
                json!(["*"]),
                json!({"id": "acme"}),
            ],
        ),
        (
            "permissions",
            vec![
                json!("WEBHOOK.VIEW"),
                json!("WEBHOOK.VIEW WEBHOOK.UPDATE"),
                json!("*"),
                json!(null),
                json!(1),
                json!(4_294_967_295_u32),
                json!(true),
                json!({"WEBHOOK.VIEW": true}),
                json!(["WEBHOOK.VIEW", 1]),
                json!([null]),
                json!([["WEBHOOK.VIEW"]]),
            ],
        ),
    ];
    let mut table = Vec::new();
    for key in &parties.issuers {
        let mut add = |name: String, claims: &Value| {
            table.push((format!("{}: {name}", key.alg), key.token(&key.header(), claims)));
        };
        for missing in ["platform_id", "permissions"] {
            add(format!("no {missing}"), &without(claims(), missing));
        }
        for (claim, values) in &wrong {
            for value in values {
                add(
                    format!("{claim} is {value}"),
                    &with(claims(), claim, value.clone()),
                );
            }
        }
    }
    table
}
