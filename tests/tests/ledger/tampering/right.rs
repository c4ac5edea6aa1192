//! A ledger that is right, and the ways to make it wrong.

use data_encoding::{BASE64, HEXUPPER};
use ring::hmac;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use webhook_tests::receiver::Delivered;

use crate::{
    clocks::{Clocks, Shown, Stopped},
    judge::{Accepted, Arrived, Book, Key, Ledger, Listed, Overlap, Sums, Tried},
    plan::Plan,
};

pub(super) const CREATED: &str = "2024-04-12T15:22:37Z";
pub(super) const AT: i64 = 1_712_935_357;
/// When the roll that revoked key 0 was asked for and answered.
pub(super) const REVOKED: i64 = AT - 10;
/// By how much the clock of place 1 is ahead, and that of place 2 behind.
pub(super) const WRONG: i64 = 3_600;

pub(super) fn secret(number: u8) -> String {
    format!("whsec_{}", BASE64.encode(&[number; 32]))
}

/// What a process delivers whose clock shows `time`, signed with these keys.
pub(super) fn signed(id: &str, body: &str, time: i64, secrets: &[String]) -> Delivered {
    let written = OffsetDateTime::from_unix_timestamp(time).expect("a year of ours");
    let written = written.format(&Rfc3339).expect("an instant can be written");
    let mac = |key: &[u8], text: String| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text.as_bytes())
    };
    let own = secrets.iter().map(|secret| {
        let own = mac(secret.as_bytes(), format!("{written}.{body}"));
        format!("v1={}", HEXUPPER.encode(own.as_ref()))
    });
    let standard = secrets.iter().map(|secret| {
        let bytes = BASE64
            .decode(secret.trim_start_matches("whsec_").as_bytes())
            .expect("base64");
        let standard = mac(&bytes, format!("{id}.{time}.{body}"));
        format!("v1,{}", BASE64.encode(standard.as_ref()))
    });
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", time.to_string()),
        ("webhook-signature", standard.collect::<Vec<_>>().join(" ")),
        ("x-payload-signature-timestamp", written.clone()),
        ("x-payload-signature", own.collect::<Vec<_>>().join(",")),
    ];
    Delivered {
        target: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.as_bytes().to_owned(),
    }
}

/// Three processes: the clock of the first is right, that of the second is ahead for some seconds, that of the third behind.
pub(super) fn clocks() -> Clocks {
    let shown = |from, until, ahead| Shown { from, until, ahead };
    let wrong = |ahead| {
        vec![
            shown(0, AT - 5, 0),
            shown(AT - 5, AT + 5, ahead),
            shown(AT + 5, i64::MAX, 0),
        ]
    };
    Clocks {
        shown: vec![vec![shown(0, i64::MAX, 0)], wrong(WRONG), wrong(-WRONG)],
        stopped: Vec::new(),
    }
}

pub(super) fn plan() -> Plan {
    Plan {
        seed: 1,
        events: 20,
        webhooks: 3,
        kills: 0,
    }
}

/// A ledger without fault, in which key 0 was revoked a while ago and all was made by a process whose clock is right.
pub(super) fn right() -> Ledger {
    let plan = plan();
    let accepted = |event: usize| Accepted {
        event,
        id: format!("evt_{event:02}"),
        created_at: CREATED.to_owned(),
        between: (AT, AT),
        webhook_events: (0..plan.webhooks)
            .filter(|webhook| plan.wants(*webhook, event))
            .count() as u64,
    };
    let all: Vec<_> = (0..plan.events).map(accepted).collect();
    let book = |webhook: usize| {
        let wanted = || all.iter().filter(|accepted| plan.wants(webhook, accepted.event));
        let revoked = Key {
            revoked: Some((REVOKED, REVOKED)),
            ..Key::new(secret(0), (0, 0))
        };
        Book {
            keys: vec![revoked, Key::new(secret(1), (REVOKED, REVOKED))],
            listed: wanted()
                .map(|accepted| Listed {
                    id: accepted.id.clone(),
                    status: "SUCCEEDED".to_owned(),
                    attempts: vec![Tried {
                        ended_at: AT,
                        failed: false,
                    }],
                })
                .collect(),
            arrived: wanted()
                .map(|accepted| {
                    let body = plan.payload(webhook, accepted.event, CREATED);
                    Arrived {
                        delivered: signed(&accepted.id, &body, AT, &[secret(1)]),
                        at: AT,
                    }
                })
                .collect(),
        }
    };
    Ledger {
        plan,
        books: (0..plan.webhooks).map(book).collect(),
        published: vec![all.clone()],
        clocks: clocks(),
        put_off: Vec::new(),
    }
}

/// The same delivery, made by a process whose clock shows `time`, and signed with these keys.
pub(super) fn anew(delivered: &Delivered, time: i64, secrets: &[String]) -> Delivered {
    signed(delivered.header("webhook-id"), delivered.text(), time, secrets)
}

/// Has one delivery made [`anew`].
pub(super) fn make_anew(ledger: &mut Ledger, time: i64, secrets: &[String]) {
    let delivered = &mut ledger.books[1].arrived[0].delivered;
    *delivered = anew(delivered, time, secrets);
}

/// Has key 0 overlap until `end`, instead of having been revoked.
pub(super) fn overlap_until(ledger: &mut Ledger, end: i64) {
    let key = &mut ledger.books[1].keys[0];
    let from = (REVOKED, REVOKED);
    (key.revoked, key.overlap) = (None, Some(Overlap { from, end }));
}

/// The same, with all signed with both keys.
pub(super) fn overlap(ledger: &mut Ledger, end: i64) {
    overlap_until(ledger, end);
    for arrived in &mut ledger.books[1].arrived {
        arrived.delivered = anew(&arrived.delivered, AT, &[secret(1), secret(0)]);
    }
}

/// Has the process at `place` stopped from then on until now.
pub(super) fn stop(ledger: &mut Ledger, place: usize, from: i64) {
    ledger.clocks.stopped.push(Stopped {
        place,
        from,
        until: AT,
    });
}

#[track_caller]
pub(super) fn refused(tamper: impl FnOnce(&mut Ledger), with: &str) {
    let mut ledger = right();
    tamper(&mut ledger);
    let problem = ledger.judge().expect_err("it is wrong");
    assert!(problem.contains(with), "{problem}");
}

#[track_caller]
pub(super) fn accepted(tamper: impl FnOnce(&mut Ledger)) -> Sums {
    let mut ledger = right();
    tamper(&mut ledger);
    ledger.judge().unwrap_or_else(|problem| panic!("{problem}"))
}
