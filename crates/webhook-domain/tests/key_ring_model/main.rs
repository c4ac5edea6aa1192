//! The key ring against a model, over sequences of rolls, removals, sweeps and whims of the clock.
//!
//! The model knows nothing of rings. It is a list of every key there ever was, in the order they were made,
//! each with what was promised of it; what is valid at an instant is looked up there.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "so a test says that it failed"
)]

mod exhaustive;
mod model;

use proptest::prelude::*;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use webhook_domain::Refusal;
use webhook_domain::signing::key_ring::{
    Evidence, ExpiresIn, KeyRing, MAX_RETIRED_KEYS, NewKey, Overlap, SigningKey,
};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, SeededEntropy};
use webhook_domain::time::{Clock, Instant};

use crate::model::{Model, Refused, Transition};

struct Tested {
    ring: KeyRing,
    clock: ManualClock,
    entropy: SeededEntropy,
    /// Every key that was ever made, by its number.
    keys: Vec<SigningKey>,
}

impl Tested {
    fn make_key(&mut self) -> SigningKey {
        let key = NewKey::generate(self.clock.now(), &self.entropy).unwrap();
        // Of one protocol after the other: the ring treats them alike.
        key.under(SigningProtocol::ALL[self.keys.len() % SigningProtocol::ALL.len()])
    }

    fn number(&self, key: &SigningKey) -> usize {
        self.keys
            .iter()
            .position(|made| made == key)
            .expect("a key that was made")
    }

    fn valid_at(&self, at: i64) -> Vec<usize> {
        let at = Instant::from_milliseconds(at);
        self.ring.valid_at(at).map(|key| self.number(key)).collect()
    }

    /// The ring after `result`, which must be a refusal exactly when the model refused.
    fn outcome(&self, result: Result<KeyRing, Refusal>, model: &Model) -> Option<KeyRing> {
        match (result, model.refused.clone()) {
            (Ok(ring), None) => Some(ring),
            (Err(refusal), Some(Refused::Full(free_at))) => {
                let expected = Refusal::TooManyRetiredKeys {
                    limit: MAX_RETIRED_KEYS,
                    next_free_at: Instant::from_milliseconds(free_at),
                };
                assert_eq!(refusal, expected);
                None
            }
            (Err(Refusal::InvalidField { field, problem }), Some(Refused::TooLong(most))) => {
                assert_eq!(field, "expires_in");
                assert!(
                    problem.0.starts_with(&format!("must be at most {most}: ")),
                    "{problem}"
                );
                None
            }
            (Err(Refusal::NO_SUCH_RETIRED_KEY), Some(Refused::NoSuchKey))
            | (Err(Refusal::NothingToRestore), Some(Refused::NothingToUndo)) => None,
            (result, expected) => panic!("{result:?} where the model has {expected:?}"),
        }
    }
}

impl StateMachineTest for Tested {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let clock = ManualClock::at(Instant::from_milliseconds(model.now));
        let entropy = SeededEntropy::default();
        let first = NewKey::generate(clock.now(), &entropy).unwrap();
        let first = first.under(SigningProtocol::HmacSha256);
        Self {
            ring: KeyRing::new(first.clone()),
            clock,
            entropy,
            keys: vec![first],
        }
    }

    fn apply(mut tested: Self, model: &Model, transition: Transition) -> Self {
        let now = tested.clock.now();
        let overlap = |seconds: u32| Overlap::from_seconds(seconds.into()).unwrap();
        let ring = tested.ring.clone();
        match transition {
            Transition::Roll {
                overlap: seconds,
                keeps_previous,
            } => {
                let key = tested.make_key();
                let result = ring.roll(key.clone(), overlap(seconds), now);
                if let Some(ring) = tested.outcome(result, model) {
                    tested.ring = match keeps_previous {
                        true => ring.keeping_previous(now),
                        false => ring,
                    };
                    tested.keys.push(key);
                }
            }
            Transition::Remove { overlap: seconds } => {
                let result = ring.remove(overlap(seconds), now);
                tested.ring = tested.outcome(result, model).unwrap_or(tested.ring);
            }
            Transition::SetExpiry { key, seconds } => {
                let fingerprint = tested.keys[key % tested.keys.len()].fingerprint();
                let expires_in = ExpiresIn::from_seconds(seconds.into()).unwrap();
                let result = ring.set_expiry(&fingerprint, expires_in, now);
                tested.ring = tested.outcome(result, model).unwrap_or(tested.ring);
            }
            Transition::Undo { overlap: seconds } => {
                let result = ring.undo_roll(overlap(seconds), now);
                tested.ring = tested.outcome(result, model).unwrap_or(tested.ring);
            }
            Transition::Prove { key, by_receipt } => {
                let id = tested.keys[key % tested.keys.len()].id;
                let evidence = match by_receipt {
                    true => Evidence::Receipt,
                    false => Evidence::Check,
                };
                tested.ring = ring.proved(id, evidence, now);
            }
            Transition::Sweep => tested.ring = ring.without_expired(now),
            _ => tested.clock.set(Instant::from_milliseconds(model.now)),
        }
        tested
    }

    fn check_invariants(tested: &Self, model: &Model) {
        let edges = model.keys.iter().flat_map(|key| [key.until, key.kept_until]);
        let edges = edges.flatten();
        let around = edges.flat_map(|end| [end - 1, end, end + 1]);
        for at in around.chain([model.now, model.latest]) {
            assert_eq!(tested.valid_at(at), model.valid_at(at), "at {at}");
        }

        let valid = tested.valid_at(model.now);
        assert!(valid.len() <= 1 + MAX_RETIRED_KEYS, "{valid:?}");
        let rank = |number: &usize| model.keys[*number].rank;
        assert!(
            valid.is_sorted_by(|newer, older| rank(newer) > rank(older)),
            "{valid:?}"
        );
        for (number, key) in model.keys.iter().enumerate() {
            let signs = valid.contains(&number);
            // A promise ends at its instant, or when a clock has said that it came. Until then it is kept.
            let promised = !key.revoked && key.until.is_none_or(|until| model.latest < until);
            let over = key.revoked || model.end_of(key).is_some_and(|end| end <= model.now);
            assert!(signs || !promised, "key {number} stopped before its time");
            assert!(!signs || !over, "key {number} signs after its time");
        }

        let ring = &tested.ring;
        let current = model
            .keys
            .iter()
            .position(|key| key.until.is_none() && !key.revoked);
        assert_eq!(ring.current().map(|key| tested.number(key)), current);
        let previous = ring
            .previous(tested.clock.now())
            .map(|retired| tested.number(&retired.key));
        assert_eq!(
            previous,
            valid.iter().copied().find(|number| Some(*number) != current)
        );
        assert_eq!(ring.rolled_at().map(Instant::as_milliseconds), model.rolled_at);
        assert!(
            ring.retired()
                .is_sorted_by(|newer, older| newer.retired_at >= older.retired_at)
        );
        assert_eq!(ring.adoption().is_some(), model.is_adopted);
        for retired in ring.retired() {
            assert_eq!(retired.expires_at, retired.expires_at.whole_seconds());
        }
        let now = tested.clock.now();
        for retired in ring.retired_at(now) {
            let end = model.end_of(&model.keys[tested.number(&retired.key)]);
            let end = Instant::from_milliseconds(end.expect("the end of a retired key"));
            let said = ring.expiry_of(retired, now);
            assert!(now < said && said <= end, "said to end at {said}, ends at {end}");
        }
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_ring_keeps_every_promise_and_no_key_beyond_it(sequential 1..80 => Tested);
}
