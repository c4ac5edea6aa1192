//! What a ring signs, a receiver verifies. What a receiver refuses is tested where the verifier is, in `webhook-verify`.

use proptest::prelude::*;
use webhook_domain::signing::key_ring::{KeyRing, Overlap};
use webhook_domain::signing::signature::sign;
use webhook_domain::testing::ManualClock;

use crate::scene::*;

#[test]
fn a_receiver_with_both_secrets_verifies_through_a_roll_and_sees_which_one_signed() {
    let now = ManualClock::START;
    let (old, new) = (key(1), key(2));
    let both = verifier(&old).with_key(receiver(&new));
    let before = KeyRing::new(old);
    let after = before.clone().roll(new, Overlap::NONE, now).unwrap();
    for (ring, key) in [(before, 0), (after, 1)] {
        let signed = sign(&ring, event(), BODY, now);
        for outcome in by_each(&both, &signed, BODY, now) {
            assert_eq!(outcome.unwrap().key, key);
        }
    }
}

#[test]
fn a_receiver_learns_the_events_id_and_when_it_was_signed() {
    let now = ManualClock::START;
    let signed = sign(&KeyRing::new(key(1)), event(), BODY, now);
    let verified = verifier(&key(1)).verify(look_up(&signed.headers), BODY, now.into());
    let verified = verified.unwrap();
    assert_eq!(
        (verified.id, verified.signed_at),
        (Some(EVENT), now.whole_seconds().into())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies_whatever_the_body(body in prop::collection::vec(any::<u8>(), 0..2048), seed: u64) {
        let now = ManualClock::START;
        let signed = sign(&KeyRing::new(key(seed)), event(), &body, now);
        for outcome in by_each(&verifier(&key(seed)), &signed, &body, now) {
            prop_assert!(outcome.is_ok());
        }
    }
}
