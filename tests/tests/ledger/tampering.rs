//! The judge finds fault: a ledger that is right is made wrong in one place, and must be refused.

mod right;

use crate::judge::{Ledger, Overlap, PutOff, Tried};

use self::right::*;

#[test]
fn a_ledger_without_fault_adds_up() {
    let sums = right().judge().expect("it is right");
    assert_eq!((sums.events, sums.unrecorded), (20, 0));
    assert_eq!((sums.by_wrong_clocks, sums.given_up), (0, 0));
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
            let delivered = &mut ledger.books[1].arrived[0].delivered;
            delivered.body = delivered.text().replace("1.10", "1.1").into_bytes();
        },
        "arrived as",
    );
}

#[test]
fn the_wrong_key_is_found() {
    let sign = |ledger: &mut Ledger, key| make_anew(ledger, AT, &[secret(key)]);
    refused(|ledger| sign(ledger, 0), "not valid then");
    refused(|ledger| sign(ledger, 7), "is not signed");
    refused(
        |ledger| make_anew(ledger, AT, &[secret(1), secret(0)]),
        "not valid then",
    );
    refused(
        |ledger| {
            let headers = &mut ledger.books[1].arrived[0].delivered.headers;
            let signature = headers.get_mut("x-payload-signature").expect("it is signed");
            signature.push_str(",v1=00");
        },
        "that no key made",
    );
}

#[test]
fn a_key_that_was_made_later_is_found() {
    refused(
        |ledger| {
            overlap(ledger, AT + WRONG + 60);
            ledger.books[1].keys[1].from = (AT + 1, AT + 1);
        },
        "not valid then",
    );
}

#[test]
fn a_revoked_key_is_found_whatever_the_clock_says() {
    let both = [secret(1), secret(0)];
    for ahead in [WRONG, -WRONG] {
        let sums = accepted(|ledger| make_anew(ledger, AT + ahead, &[secret(1)]));
        assert_eq!(sums.by_wrong_clocks, 1);
        refused(|ledger| make_anew(ledger, AT + ahead, &both), "not valid then");
    }
    // It began before the roll, and its process was stopped before it could send.
    let began = REVOKED - 1;
    accepted(|ledger| {
        make_anew(ledger, began, &[secret(0)]);
        stop(ledger, 0, REVOKED);
    });
    // It began after the roll was answered, and its process was stopped.
    refused(
        |ledger| {
            make_anew(ledger, REVOKED + 1, &both);
            stop(ledger, 0, REVOKED + 2);
        },
        "not valid then",
    );
}

#[test]
fn an_overlapping_key_is_judged_by_the_clock_of_who_signs() {
    let both = [secret(1), secret(0)];
    // No clock has come so far yet: it must sign.
    let far = AT + WRONG + 60;
    accepted(|ledger| overlap(ledger, far));
    refused(
        |ledger| {
            overlap(ledger, far);
            make_anew(ledger, AT, &[secret(1)]);
        },
        "is not signed",
    );
    // The clock that is ahead has passed its end: it may be erased, but need not be.
    let soon = AT + 60;
    accepted(|ledger| overlap(ledger, soon));
    accepted(|ledger| {
        overlap(ledger, soon);
        make_anew(ledger, AT, &[secret(1)]);
    });
    refused(
        |ledger| {
            overlap(ledger, soon);
            make_anew(ledger, AT + WRONG, &both);
        },
        "not valid then",
    );
    // It is over, but not by the clock that is behind.
    let over = |ledger: &mut Ledger, time, keys: &[String]| {
        overlap_until(ledger, AT - 1);
        make_anew(ledger, time, keys);
    };
    accepted(|ledger| over(ledger, AT - WRONG, &both));
    accepted(|ledger| over(ledger, AT - WRONG, &[secret(1)]));
    accepted(|ledger| over(ledger, AT, &[secret(1)]));
    refused(|ledger| over(ledger, AT, &both), "not valid then");
    // Until the roll it was the key of all, whatever the clock says.
    let just_now = |ledger: &mut Ledger, from| {
        let end = AT - WRONG;
        overlap(ledger, end);
        ledger.books[1].keys[0].overlap = Some(Overlap { from, end });
    };
    accepted(|ledger| just_now(ledger, (AT - 1, AT)));
    refused(|ledger| just_now(ledger, (AT - 2, AT - 1)), "not valid then");
    refused(
        |ledger| {
            just_now(ledger, (AT + 1, AT + 2));
            make_anew(ledger, AT, &[secret(1)]);
        },
        "is not signed",
    );
    // By the clock that is ahead it was over when the attempt began; that clock was right when the key was retired.
    accepted(|ledger| {
        overlap(ledger, AT + 60);
        ledger.books[1].keys[0].overlap = Some(Overlap {
            from: (AT - 1, AT - 1),
            end: AT + 60,
        });
        ledger.clocks.shown[1][1].until = AT - 2;
        make_anew(ledger, AT - 3 + WRONG, &[secret(1)]);
    });
    // A clock that is ahead has passed its end, but was right again when it was retired.
    refused(
        |ledger| {
            overlap(ledger, AT + 60);
            ledger.clocks.shown[1][1].until = REVOKED - 1;
            ledger.clocks.shown[1][1].from = REVOKED - 2;
            make_anew(ledger, AT, &[secret(1)]);
        },
        "is not signed",
    );
}

#[test]
fn a_time_that_no_clock_showed_is_found() {
    let later = |seconds| move |ledger: &mut Ledger| make_anew(ledger, AT + seconds, &[secret(1)]);
    refused(later(1), "no clock showed");
    refused(later(-6), "no clock showed");
    refused(later(WRONG + 1), "no clock showed");
    refused(later(WRONG / 2), "no clock showed");
    accepted(later(-5));
    accepted(|ledger| {
        later(-9)(ledger);
        stop(ledger, 0, AT - 8);
    });
    // Another one was stopped.
    refused(
        |ledger| {
            later(-9)(ledger);
            stop(ledger, 3, AT - 8);
        },
        "no clock showed",
    );
    // The clock was right again by then.
    refused(
        |ledger| {
            ledger.clocks.shown[1][1].until = AT - 1;
            later(WRONG)(ledger);
        },
        "no clock showed",
    );
    refused(
        |ledger| ledger.published[0][0].between = (AT + 1, AT + 2),
        "was created at",
    );
}

#[test]
fn what_is_put_off_further_than_any_clock_says_is_found() {
    let put_off = |ledger: &mut Ledger, until, seen| {
        ledger.put_off.push(PutOff {
            webhook: 1,
            until,
            seen,
        });
    };
    accepted(|ledger| put_off(ledger, AT + WRONG + 14, AT));
    refused(|ledger| put_off(ledger, AT + WRONG + 15, AT), "is put off");
    // No clock was ahead yet.
    refused(|ledger| put_off(ledger, AT + WRONG, AT - 6), "is put off");
}

#[test]
fn what_has_not_come_to_its_end_is_found() {
    let fail = |ledger: &mut Ledger, status: &str, after, at_last| {
        let tried = |ended_at, failed| Tried { ended_at, failed };
        let listed = &mut ledger.books[0].listed[0];
        listed.attempts = vec![tried(AT, true), tried(AT + after, at_last)];
        listed.status = status.to_owned();
    };
    refused(
        |ledger| ledger.books[0].listed[0].status = "FAILED".to_owned(),
        "is FAILED",
    );
    // Seven days, as fast as they go here, are 252 seconds.
    assert_eq!(accepted(|ledger| fail(ledger, "FAILED", 251, true)).given_up, 1);
    refused(|ledger| fail(ledger, "FAILED", 250, true), "is FAILED");
    refused(|ledger| fail(ledger, "FAILED", 251, false), "is FAILED");
    refused(|ledger| fail(ledger, "PENDING", 251, true), "is PENDING");
}
