//! Receivers of each kind, and their verdicts.

use std::collections::BTreeSet;
use std::sync::Mutex;

use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
use webhook_domain::delivery::key_check::Verdict;
use webhook_domain::ports::Parcel;
use webhook_domain::signing::key_ring::SigningKey;
use webhook_domain::signing::signing_protocol::SigningProtocol;

use crate::scene::*;

#[tokio::test]
async fn each_kind_of_receiver_gets_its_verdict_under_each_pair_of_protocols() {
    use SigningProtocol::{Ed25519, HmacSha256};
    for (first, second) in [
        (HmacSha256, HmacSha256),
        (HmacSha256, Ed25519),
        (Ed25519, HmacSha256),
        (Ed25519, Ed25519),
    ] {
        for coin in [0, 1] {
            let fixture = Fixture::tossing(coin);
            let (webhook, keys) = fixture.rolled(first, second).await;
            let with = |keys: &[&SigningKey], refusal| verifying(Keys::verifier(keys), refusal);
            for refusal in [400, 401, 403, 422] {
                for (held, expected) in [
                    (vec![&keys.new], Verdict::Adopted),
                    (vec![&keys.old], Verdict::NotAdopted),
                    (vec![&keys.new, &keys.old], Verdict::Adopted),
                    (vec![&keys.old, &keys.new], Verdict::Adopted),
                ] {
                    let verdict = fixture.verdict(&webhook, with(&held, refusal)).await;
                    assert_eq!(verdict, expected, "{first} {second} {coin} {refusal} {held:?}");
                }
            }
            // One that answers before it verifies, or never does.
            let verdict = fixture.verdict(&webhook, |_, _| answered(200)).await;
            assert_eq!(verdict, Verdict::DoesNotVerify);
            // One that knows no such type of event, or a firewall that takes nothing.
            for status in [400, 403] {
                let verdict = fixture.verdict(&webhook, move |_, _| answered(status)).await;
                assert_eq!(verdict, Verdict::Inconclusive);
            }
            for outcome in [
                answered(302),
                answered(404),
                answered(410),
                answered(429),
                answered(500),
                AttemptOutcome::failed(FailureCause::Timeout),
                AttemptOutcome::failed(FailureCause::ForbiddenAddress),
            ] {
                let verdict = fixture.verdict(&webhook, move |_, _| outcome).await;
                assert_eq!(verdict, Verdict::Unreachable, "{outcome:?}");
            }
            // One that refuses with a status that is no refusal: nothing can be told.
            let verdict = fixture.verdict(&webhook, with(&[&keys.new], 500)).await;
            assert_eq!(verdict, Verdict::Unreachable);
        }
    }
}

/// What a firewall or a receiver does that changes with each probe.
#[tokio::test]
async fn receivers_that_change_their_mind_are_not_taken_for_others() {
    for coin in [0, 1] {
        let fixture = Fixture::tossing(coin);
        let protocol = SigningProtocol::HmacSha256;
        let (webhook, keys) = fixture.rolled(protocol, protocol).await;
        let none_of_these = [Verdict::Adopted, Verdict::NotAdopted];

        // It bans whoever was refused twice, by an answer or by none.
        for ban in [answered(403), AttemptOutcome::failed(FailureCause::Connection)] {
            for held in [&keys.new, &keys.old] {
                let (verifier, refused) = (Keys::verifier(&[held]), Mutex::new(0));
                let conduct = move |number, parcel: &Parcel| {
                    let mut refused = refused.lock().unwrap();
                    if number % 4 == 0 {
                        *refused = 0;
                    }
                    if *refused >= 2 {
                        return ban;
                    }
                    let genuine = verifies(&verifier, parcel);
                    *refused += usize::from(!genuine);
                    answered(if genuine { 204 } else { 401 })
                };
                let verdict = fixture.verdict(&webhook, conduct).await;
                let told = if *held == keys.new {
                    Verdict::Adopted
                } else {
                    Verdict::NotAdopted
                };
                let banned = [Verdict::Inconclusive, Verdict::Unreachable];
                assert!(verdict == told || banned.contains(&verdict), "{verdict:?}");
            }
        }
        // It takes what it has taken before for a repetition, by its body: only the second control tells.
        let (verifier, seen) = (Keys::verifier(&[&keys.old]), Mutex::new(BTreeSet::new()));
        let conduct = move |_, parcel: &Parcel| {
            let mut seen = seen.lock().unwrap();
            if seen.contains(&parcel.body) {
                return answered(200);
            }
            if !verifies(&verifier, parcel) {
                return answered(401);
            }
            seen.insert(parcel.body.clone());
            answered(204)
        };
        assert_eq!(fixture.verdict(&webhook, conduct).await, Verdict::DoesNotVerify);
        // It counts requests, and has enough after two.
        let verifier = Keys::verifier(&[&keys.new, &keys.old]);
        let limited = move |number: usize, parcel: &Parcel| match number % 4 {
            0 | 1 => answered(if verifies(&verifier, parcel) { 204 } else { 401 }),
            _ => answered(429),
        };
        assert!(!none_of_these.contains(&fixture.verdict(&webhook, limited).await));
        // It comes back while it is asked.
        let verifier = Keys::verifier(&[&keys.new]);
        let late = move |number: usize, parcel: &Parcel| match number % 4 {
            0 => AttemptOutcome::failed(FailureCause::Connection),
            _ => answered(if verifies(&verifier, parcel) { 204 } else { 401 }),
        };
        assert_eq!(fixture.verdict(&webhook, late).await, Verdict::Unreachable);
    }
}
