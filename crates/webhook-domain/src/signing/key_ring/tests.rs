use std::time::Duration;

use super::*;
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::{ManualClock, SeededEntropy, fixtures};

const NOW: Instant = ManualClock::START;

fn key(seed: u64) -> SigningKey {
    fixtures::new_key(NOW, &SeededEntropy::new(seed)).under(SigningProtocol::HmacSha256)
}

fn seconds(seconds: u64) -> Overlap {
    Overlap::from_seconds(seconds).unwrap()
}

fn after(seconds: u64) -> Instant {
    NOW.whole_seconds().plus(Duration::from_secs(seconds))
}

#[test]
fn an_overlap_is_0_to_604800_seconds() {
    for right in [0, 1, 604_800] {
        assert_eq!(u64::from(seconds(right).as_seconds()), right);
    }
    for wrong in [604_801, u64::from(u32::MAX) + 1, u64::MAX] {
        assert_eq!(Overlap::from_seconds(wrong), Err(Overlap::invalid()));
    }
}

#[test]
fn keys_that_receivers_look_up_overlap_for_ten_minutes_at_least_or_not_at_all() {
    let public = fixtures::new_key(NOW, &SeededEntropy::new(9)).under(SigningProtocol::Ed25519);
    let hmac = key(0);
    let between = |wanted: WantedOverlap, keys: &[&SigningKey]| wanted.between(keys.iter().copied());
    for keys in [&[&public][..], &[&hmac, &public], &[&public, &hmac]] {
        for (asked, is_taken) in [(0, true), (1, false), (599, false), (600, true), (604_800, true)] {
            let taken = between(seconds(asked).into(), keys);
            assert_eq!(taken.clone().ok(), is_taken.then(|| seconds(asked)), "{asked}");
            assert!(taken.is_ok() || matches!(taken, Err(Refusal::InvalidField { .. })));
        }
        for (default, expected) in [(0, 600), (60, 600), (600, 600), (86_400, 86_400)] {
            let taken = between(WantedOverlap::Default(seconds(default)), keys);
            assert_eq!(taken, Ok(seconds(expected)), "{default}");
        }
    }
    for keys in [&[&hmac][..], &[]] {
        assert_eq!(between(seconds(1).into(), keys), Ok(seconds(1)));
        assert_eq!(
            between(WantedOverlap::Default(seconds(0)), keys),
            Ok(Overlap::NONE)
        );
    }
}

/// As the store gives them: equal, and made anew at each look.
#[test]
fn a_ring_shares_the_keys_that_signed_before_and_takes_in_no_other() {
    let public = |seed| fixtures::new_key(NOW, &SeededEntropy::new(seed)).under(SigningProtocol::Ed25519);
    let read_anew = |key: &SigningKey| SigningKey::restore(key.id, key.protocol(), key.kept()).unwrap();
    let (old, current, stranger) = (public(1), public(2), public(3));
    let ring = KeyRing::new(read_anew(&old))
        .roll(read_anew(&current), seconds(600), NOW)
        .unwrap();
    let shared = ring.clone().sharing(&[stranger, old.clone(), current.clone()]);
    assert_eq!(shared, ring);
    let keys: Vec<_> = shared.valid_at(NOW).collect();
    assert!(keys[0].is_shared_with(&current) && keys[1].is_shared_with(&old));
    // What was rolled away at once does not come back.
    let rolled = ring
        .roll(public(4), Overlap::NONE, NOW)
        .unwrap()
        .sharing(&[old, current]);
    assert_eq!(rolled.valid_at(NOW).collect::<Vec<_>>(), [&public(4)]);
}

#[test]
fn a_roll_keeps_the_previous_key_for_its_window() {
    let ring = KeyRing::new(key(0)).roll(key(1), seconds(60), NOW).unwrap();
    let last = after(60).minus(Duration::from_millis(1));
    assert_eq!(ring.valid_at(last).collect::<Vec<_>>(), [&key(1), &key(0)]);
    assert_eq!(ring.valid_at(after(60)).collect::<Vec<_>>(), [&key(1)]);
    assert_eq!(ring.previous(after(60)), None);
    assert_eq!(ring.next_expiry(), Some(after(60)));
    assert_eq!(ring.without_expired(after(60)).retired(), []);
}

#[test]
fn a_second_roll_takes_nothing_from_the_first() {
    let ring = KeyRing::new(key(0)).roll(key(1), seconds(600), NOW).unwrap();
    let ring = ring.roll(key(2), seconds(5), after(10)).unwrap();
    assert_eq!(ring.previous(after(14)).unwrap().key, key(1));
    assert_eq!(
        ring.previous(after(15)).unwrap().key,
        key(0),
        "the one before still signs"
    );
    assert_eq!(ring.retired()[1].expires_at, after(600));
}

#[test]
fn a_clock_that_steps_back_lengthens_no_window_and_changes_no_order() {
    let ring = KeyRing::new(key(0))
        .roll(key(1), seconds(60), after(100))
        .unwrap();
    let ring = ring.roll(key(2), seconds(60), after(0)).unwrap();
    assert_eq!(ring.rolled_at(), Some(after(100)));
    let keys: Vec<_> = ring
        .retired()
        .iter()
        .map(|retired| (&retired.key, retired.expires_at))
        .collect();
    assert_eq!(keys, [(&key(1), after(60)), (&key(0), after(160))]);
}

#[test]
fn what_a_clock_that_was_ten_years_ahead_promised_is_put_right_by_the_next_roll() {
    let ten_years = 10 * 365 * 86_400;
    let ring = KeyRing::new(key(0))
        .roll(key(1), seconds(86_400), after(ten_years))
        .unwrap();
    let ring = ring.roll(key(2), seconds(60), after(0)).unwrap();
    let ends: Vec<_> = ring.retired().iter().map(|retired| retired.expires_at).collect();
    assert_eq!(ends, [after(60), after(86_400)]);
    assert_eq!(ring.rolled_at(), Some(after(ten_years)));
    let ring = ring.roll(key(3), seconds(60), after(30)).unwrap();
    assert_eq!(
        ring.valid_at(after(30)).count(),
        4,
        "nothing that was promised since is lost"
    );
}

#[test]
fn without_a_current_key_a_full_ring_can_still_be_rolled() {
    let mut ring = KeyRing::new(key(0));
    for n in 1..5 {
        ring = ring.roll(key(n), seconds(60), NOW).unwrap();
    }
    let ring = ring.remove(seconds(60), NOW).unwrap();
    assert_eq!(ring.retired().len(), MAX_RETIRED_KEYS);
    let ring = ring.roll(key(5), seconds(60), NOW).unwrap();
    assert_eq!(ring.valid_at(NOW).count(), 1 + MAX_RETIRED_KEYS);
    assert!(ring.clone().remove(seconds(60), NOW).is_err());
    assert_eq!(ring.remove(Overlap::NONE, NOW).unwrap().valid_at(NOW).count(), 0);
}

const DAY: u64 = 86_400;

#[test]
fn a_kept_key_signs_a_day_at_a_time_for_thirty_days_or_until_the_current_one_is_adopted() {
    let ring = KeyRing::new(key(0)).roll(key(1), seconds(60), NOW).unwrap();
    let ring = ring.keeping_previous(NOW);
    let shown = |ring: &KeyRing, at| {
        let retired = ring.previous(at)?;
        Some((ring.expiry_of(retired, at), retired.is_held(at)))
    };
    assert_eq!(shown(&ring, after(59)), Some((after(60), false)));
    assert_eq!(shown(&ring, after(60)), Some((after(60 + DAY), true)));
    assert_eq!(
        shown(&ring, after(60 + 3 * DAY)),
        Some((after(60 + 4 * DAY), true))
    );
    assert_eq!(shown(&ring, after(30 * DAY - 1)), Some((after(30 * DAY), true)));
    assert_eq!(shown(&ring, after(30 * DAY)), None);
    assert_eq!(
        ring.next_expiry(),
        Some(after(54)),
        "it is checked in the last tenth"
    );
    assert_eq!(ring.being_checked(after(53)), None);
    let checked = ring.being_checked(after(54)).unwrap();
    assert_eq!(checked.being_checked(after(53 + DAY)), None);
    assert!(checked.being_checked(after(54 + DAY)).is_some());
    assert_eq!(checked.next_expiry(), Some(after(60)));
    let unchecked = ring.clone().checked_next_at(None).without_expired(after(60));
    assert_eq!(
        unchecked.next_expiry(),
        Some(after(60 + DAY)),
        "nobody has to look before"
    );

    let adopted = |at| ring.clone().proved(key(1).id, Evidence::Check, at);
    assert_eq!(
        shown(&adopted(after(10)), after(59)),
        Some((after(60), false)),
        "as promised"
    );
    assert_eq!(shown(&adopted(after(10)), after(60)), None);
    assert_eq!(adopted(after(DAY)).retired(), [], "at once, what is merely kept");
    let late = adopted(after(10)).proved(key(0).id, Evidence::Receipt, after(61));
    assert!(
        late.adoption().is_some(),
        "it signs no more: nothing can be shown of it"
    );
    let withdrawn = adopted(after(10)).proved(key(0).id, Evidence::Receipt, after(59));
    assert_eq!(
        (withdrawn.adoption(), shown(&withdrawn, after(60)).is_some()),
        (None, true)
    );
}

#[test]
fn that_a_key_stops_is_told_once_an_hour_before_and_each_day_that_it_is_kept() {
    let ring = KeyRing::new(key(0)).roll(key(1), seconds(7_200), NOW).unwrap();
    assert_eq!(ring.told_of_expiry(after(3_599)), None);
    let told = ring.told_of_expiry(after(3_600)).unwrap();
    assert_eq!(told.told_of_expiry(after(7_199)), None, "once");
    let adopted = ring.clone().proved(key(1).id, Evidence::Receipt, after(1));
    assert_eq!(adopted.told_of_expiry(after(3_600)), None);

    let kept = ring.keeping_previous(NOW).told_of_expiry(after(3_600)).unwrap();
    assert_eq!(kept.told_of_expiry(after(7_200)), None);
    let again = kept.told_of_expiry(after(3_600 + DAY)).unwrap();
    assert_eq!(again.told_of_expiry(after(7_199 + DAY)), None);
    let short = KeyRing::new(key(0)).roll(key(1), seconds(3_600), NOW).unwrap();
    assert_eq!(
        short.told_of_expiry(after(3_599)),
        None,
        "it was retired for no more than that"
    );
}

#[test]
fn what_was_kept_ends_with_a_roll_of_an_adopted_key_and_an_instant_that_is_set_ends_the_keeping() {
    let kept = KeyRing::new(key(0))
        .roll(key(1), seconds(60), NOW)
        .unwrap()
        .keeping_previous(NOW);
    let adopted = kept.clone().proved(key(1).id, Evidence::Check, after(10));
    let rolled = adopted.roll(key(2), seconds(600), after(61)).unwrap();
    assert_eq!(rolled.valid_at(after(61)).collect::<Vec<_>>(), [&key(2), &key(1)]);
    assert_eq!(rolled.adoption(), None);
    let set = kept.set_expiry(
        &key(0).fingerprint(),
        ExpiresIn::from_seconds(60).unwrap(),
        after(DAY),
    );
    assert_eq!(
        set.unwrap().valid_at(after(DAY + 60)).collect::<Vec<_>>(),
        [&key(1)]
    );
}

#[test]
fn receipts_of_a_kept_key_put_off_the_check_twice_a_day_at_the_most() {
    let ring = KeyRing::new(key(0)).roll(key(1), seconds(DAY), NOW).unwrap();
    let ring = ring.keeping_previous(NOW);
    let due = DAY * 9 / 10;
    let receipt = |ring: &KeyRing, at| ring.clone().proved(key(0).id, Evidence::Receipt, after(at));
    assert!(
        !ring.is_news(key(0).id, Evidence::Receipt, after(due - DAY / 2)),
        "it is far off"
    );
    assert!(!ring.is_news(key(0).id, Evidence::Check, after(due)));
    assert!(ring.is_news(key(0).id, Evidence::Receipt, after(due - DAY / 2 + 1)));
    let put_off = receipt(&ring, due);
    assert_eq!(put_off.being_checked(after(due + DAY - 1)), None);
    assert!(put_off.being_checked(after(due + DAY)).is_some());
    assert_eq!(receipt(&put_off, due + DAY / 2), put_off);
    assert_eq!(put_off.adoption(), None);
}
