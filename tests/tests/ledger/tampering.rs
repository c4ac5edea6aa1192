//! The judge finds fault: a ledger that is right is made wrong in one place, and must be refused.

use data_encoding::{BASE64, HEXUPPER};
use ring::hmac;
use webhook_tests::receiver::Delivered;

use crate::{
    judge::{Accepted, Book, Key, Ledger, Listed},
    plan::Plan,
};

const CREATED: &str = "2024-04-12T15:22:37Z";
const AT: i64 = 1_712_935_357;

fn secret(number: u8) -> String {
    format!("whsec_{}", BASE64.encode(&[number; 32]))
}

fn signed(id: &str, body: String, secret: &str) -> Delivered {
    let mac = |key: &[u8], text: String| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text.as_bytes())
    };
    let bytes = BASE64
        .decode(secret.trim_start_matches("whsec_").as_bytes())
        .expect("base64");
    let own = mac(secret.as_bytes(), format!("{CREATED}.{body}"));
    let standard = mac(&bytes, format!("{id}.{AT}.{body}"));
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", AT.to_string()),
        (
            "webhook-signature",
            format!("v1,{}", BASE64.encode(standard.as_ref())),
        ),
        ("x-payload-signature-timestamp", CREATED.to_owned()),
        (
            "x-payload-signature",
            format!("v1={}", HEXUPPER.encode(own.as_ref())),
        ),
    ];
    Delivered {
        target: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.into_bytes(),
    }
}

fn plan() -> Plan {
    Plan {
        seed: 1,
        events: 20,
        webhooks: 3,
        kills: 0,
    }
}

/// A ledger without fault, in which key 0 was retired long ago.
fn right() -> Ledger {
    let plan = plan();
    let accepted = |event: usize| Accepted {
        event,
        id: format!("evt_{event:02}"),
        created_at: CREATED.to_owned(),
        webhook_events: (0..plan.webhooks)
            .filter(|webhook| plan.wants(*webhook, event))
            .count() as u64,
    };
    let all: Vec<_> = (0..plan.events).map(accepted).collect();
    let book = |webhook: usize| {
        let wanted = || all.iter().filter(|accepted| plan.wants(webhook, accepted.event));
        let key = |number, from, until| Key {
            secret: secret(number),
            from,
            until,
        };
        let retired = AT - 10;
        Book {
            keys: vec![
                key(0, (0, 0), Some((retired, retired))),
                key(1, (retired, retired), None),
            ],
            listed: wanted()
                .map(|accepted| Listed {
                    id: accepted.id.clone(),
                    status: "SUCCEEDED".to_owned(),
                    attempts: 1,
                })
                .collect(),
            arrived: wanted()
                .map(|accepted| {
                    let body = plan.payload(webhook, accepted.event, CREATED);
                    signed(&accepted.id, body, &secret(1))
                })
                .collect(),
        }
    };
    Ledger {
        plan,
        books: (0..plan.webhooks).map(book).collect(),
        published: vec![all.clone()],
    }
}

#[track_caller]
fn refused(tamper: impl FnOnce(&mut Ledger), with: &str) {
    let mut ledger = right();
    tamper(&mut ledger);
    let problem = ledger.judge().expect_err("it is wrong");
    assert!(problem.contains(with), "{problem}");
}

#[test]
fn a_ledger_without_fault_adds_up() {
    let sums = right().judge().expect("it is right");
    assert_eq!((sums.events, sums.unrecorded), (20, 0));
    assert_eq!(sums.attempts, sums.deliveries);
}

#[test]
fn what_came_twice_is_no_fault() {
    let mut ledger = right();
    let again = ledger.books[1].arrived[0].clone();
    ledger.books[1].arrived.push(again);
    assert_eq!(ledger.judge().expect("it is right").unrecorded, 1);
}

#[test]
fn what_is_lost_is_found() {
    refused(|ledger| drop(ledger.books[2].arrived.remove(3)), "at place 3");
    refused(|ledger| drop(ledger.books[2].arrived.pop()), "arrived)");
    refused(
        |ledger| drop(ledger.books[2].listed.remove(3)),
        "deliveries are listed",
    );
}

#[test]
fn what_came_out_of_order_is_found() {
    refused(|ledger| ledger.books[2].arrived.swap(3, 4), "at place 3");
    refused(
        |ledger| ledger.books[2].listed.swap(3, 4),
        "not that of the others",
    );
    refused(|ledger| ledger.published[0].swap(3, 4), "order of its answers");
}

#[test]
fn what_is_not_wanted_is_found() {
    let unwanted = (0..20)
        .find(|event| !plan().wants(1, *event))
        .expect("one is not wanted");
    refused(
        |ledger| {
            let stray = ledger.books[0].arrived[unwanted].clone();
            ledger.books[1].arrived.push(stray);
        },
        "does not want",
    );
}

#[test]
fn what_was_changed_is_found() {
    refused(
        |ledger| {
            let body = ledger.books[1].arrived[0].text().replace("1.10", "1.1");
            ledger.books[1].arrived[0].body = body.into_bytes();
        },
        "arrived as",
    );
}

#[test]
fn the_wrong_key_is_found() {
    let sign = |ledger: &mut Ledger, key: &str| {
        let delivered = &ledger.books[1].arrived[0];
        let (id, body) = (
            delivered.header("webhook-id").to_owned(),
            delivered.text().to_owned(),
        );
        ledger.books[1].arrived[0] = signed(&id, body, key);
    };
    refused(|ledger| sign(ledger, &secret(0)), "not valid then");
    refused(|ledger| sign(ledger, &secret(7)), "is not signed");
    refused(
        |ledger| {
            let more = format!(
                "{},v1=00",
                ledger.books[1].arrived[0].header("x-payload-signature")
            );
            ledger.books[1].arrived[0]
                .headers
                .insert("x-payload-signature".to_owned(), more);
        },
        "that no key made",
    );
}

#[test]
fn what_has_not_come_to_its_end_is_found() {
    refused(
        |ledger| ledger.books[0].listed[0].status = "FAILED".to_owned(),
        "is FAILED",
    );
}
