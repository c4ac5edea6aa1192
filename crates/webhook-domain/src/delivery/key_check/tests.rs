use super::*;
use crate::delivery::attempt::TlsFailure;

const ALL: [Judged; 3] = [Judged::Accepted, Judged::Refused, Judged::NoAnswer];

/// The table of the module's documentation, row by row, in other words than the code.
fn by_the_table(first: Judged, second: Judged, current: Judged, previous: Option<Judged>) -> Verdict {
    use Judged::{Accepted, NoAnswer, Refused};
    match (first, second, current, previous) {
        (Accepted, ..) | (_, Accepted, ..) => Verdict::DoesNotVerify,
        (NoAnswer, ..) | (_, NoAnswer, ..) | (_, _, NoAnswer, _) => Verdict::Unreachable,
        (Refused, Refused, Accepted, _) => Verdict::Adopted,
        (Refused, Refused, Refused, Some(Accepted)) => Verdict::NotAdopted,
        (Refused, Refused, Refused, None | Some(Refused | NoAnswer)) => Verdict::Inconclusive,
    }
}

#[test]
fn the_first_row_of_the_table_that_holds_is_the_verdict() {
    let previous = ALL.map(Some).into_iter().chain([None]);
    let mut counts = std::collections::BTreeMap::new();
    for previous in previous {
        for first in ALL {
            for second in ALL {
                for current in ALL {
                    let expected = by_the_table(first, second, current, previous);
                    let verdict = Verdict::of([first, second], current, previous);
                    assert_eq!(verdict, expected, "{first:?} {second:?} {current:?} {previous:?}");
                    *counts.entry(verdict.name()).or_insert(0) += 1;
                }
            }
        }
    }
    // 108 combinations, counted by hand: 5 of 9 pairs of controls have one that was accepted, 1 has two that were refused.
    let expected = [
        ("ADOPTED", 4),
        ("DOES_NOT_VERIFY", 60),
        ("INCONCLUSIVE", 3),
        ("NOT_ADOPTED", 1),
        ("UNREACHABLE", 40),
    ];
    assert_eq!(counts, expected.into());
}

#[test]
fn an_answer_is_accepted_refused_or_none() {
    for code in 100..=999_u16 {
        let status = StatusCode::new(code).unwrap();
        let answered = Answered::Sent(AttemptOutcome::of_answer(status));
        let expected = match code {
            200..=299 => Judged::Accepted,
            400 | 401 | 403 | 422 => Judged::Refused,
            _ => Judged::NoAnswer,
        };
        assert_eq!(answered.judged(), expected, "{code}");
        assert_eq!(answered.status(), Some(status));
        let accepted = expected == Judged::Accepted;
        assert_eq!(answered.cause(), (!accepted).then_some("STATUS_CODE"));
    }
    for cause in [
        FailureCause::Timeout,
        FailureCause::ForbiddenAddress,
        FailureCause::Connection,
        FailureCause::Tls(TlsFailure::Expired),
        FailureCause::MalformedAnswer,
    ] {
        let answered = Answered::Sent(AttemptOutcome::failed(cause));
        assert_eq!(answered.judged(), Judged::NoAnswer);
        assert_eq!((answered.status(), answered.cause()), (None, Some(cause.name())));
    }
    let not_sent = Answered::NotSent;
    assert_eq!(
        (not_sent.judged(), not_sent.status(), not_sent.cause()),
        (Judged::NoAnswer, None, Some("NOT_SENT"))
    );
}

#[test]
fn a_verdict_reads_back_from_its_name() {
    for verdict in Verdict::ALL {
        assert_eq!(verdict.name().parse(), Ok(verdict));
    }
    let refused = "ADOPTED?".parse::<Verdict>().unwrap_err();
    assert!(refused.0.contains("NOT_ADOPTED"), "{refused:?}");
}

#[test]
fn keys_are_told_with_the_current_one_first() {
    let fingerprint = |digit: &str| format!("sha256:{}", digit.repeat(16)).parse().unwrap();
    let answer = |code| Answered::Sent(AttemptOutcome::of_answer(StatusCode::new(code).unwrap()));
    let key = |role, digit, code| CheckedKey {
        fingerprint: fingerprint(digit),
        role,
        answered: answer(code),
    };
    let at = Instant::from_milliseconds(0);
    let (current, previous) = (key(KeyRole::Current, "a", 401), key(KeyRole::Previous, "b", 204));
    let check = KeyCheck::new(
        at,
        [answer(401), answer(403)],
        current.clone(),
        Some(previous.clone()),
    );
    assert_eq!(check.verdict, Verdict::NotAdopted);
    assert_eq!(check.keys, [current.clone(), previous]);
    let alone = KeyCheck::new(at, [answer(401), answer(403)], current.clone(), None);
    assert_eq!(alone.verdict, Verdict::Inconclusive);
    assert_eq!(alone.keys, [current]);
}
