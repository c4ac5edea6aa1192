//! What a fleet of receivers has of a key that is kept until the new one is adopted: each of a kind of its own, for thirty days.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
use webhook_domain::ports::Parcel;
use webhook_domain::signing::key_ring::SigningKey;
use webhook_domain::time::Clock as _;

use crate::own_checks::{HOUR, settings};
use crate::scene::*;

/// How a receiver behaves from the roll on. `late` is when it changes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    OldThenNew,
    OldThenBoth,
    NewAtOnce,
    BothAtOnce,
    VerifiesNothing,
    VerifiesBehindAQueue,
    HalfDeployed,
    BehindARateLimiter,
    RefusesUnknownTypes,
    Slow,
    Flapping,
}

const KINDS: [Kind; 11] = [
    Kind::OldThenNew,
    Kind::OldThenBoth,
    Kind::NewAtOnce,
    Kind::BothAtOnce,
    Kind::VerifiesNothing,
    Kind::VerifiesBehindAQueue,
    Kind::HalfDeployed,
    Kind::BehindARateLimiter,
    Kind::RefusesUnknownTypes,
    Kind::Slow,
    Kind::Flapping,
];

impl Kind {
    /// Whether the receiver has the old key and the new one, so many hours after the roll; `toss` says which of its machines is asked.
    const fn holds(self, hour: u64, late: u64, toss: u64) -> (bool, bool) {
        match self {
            Self::NewAtOnce => (false, true),
            Self::BothAtOnce => (true, true),
            Self::OldThenBoth => (true, hour >= late),
            Self::HalfDeployed => (true, hour >= late + 48 * (toss % 2)),
            Self::Flapping => (
                true,
                hour >= late && (hour >= late + 48 || (hour / 8).is_multiple_of(2)),
            ),
            _ => (hour < late, hour >= late),
        }
    }

    fn answers(self, number: usize, verifies: bool) -> AttemptOutcome {
        match self {
            Self::VerifiesNothing | Self::VerifiesBehindAQueue => answered(200),
            Self::BehindARateLimiter if number % 4 > 1 => answered(429),
            Self::RefusesUnknownTypes => answered(400),
            Self::Slow if number.is_multiple_of(3) => AttemptOutcome::failed(FailureCause::Timeout),
            _ => answered(if verifies { 204 } else { 401 }),
        }
    }
}

/// What became of a receiver in thirty days.
#[derive(Default)]
struct Fate {
    is_adopted: bool,
    /// It was said to have changed over, and not all of its machines had.
    is_false: bool,
    rejected: u64,
    /// How many would have been rejected if the key had not been kept.
    rejected_without: u64,
}

async fn fate(kind: Kind, late: u64, seed: u64) -> Fate {
    let fixture = Fixture::tossing(u8::try_from(seed % 2).unwrap());
    let (webhook, keys) = fixture.keeping(settings()).await;
    let (hour, tosses) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(seed)));
    let toss = {
        let tosses = Arc::clone(&tosses);
        // Knuth's multiplier: as good as a coin.
        move || {
            tosses
                .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
                .wrapping_mul(6_364_136_223_846_793_005)
                >> 63
        }
    };
    let verifier = |held: &[&SigningKey]| Keys::verifier(held);
    let (old, new, both) = (
        verifier(&[&keys.old]),
        verifier(&[&keys.new]),
        verifier(&[&keys.old, &keys.new]),
    );
    let (at, asked) = (Arc::clone(&hour), toss.clone());
    fixture.conducts(move |number, parcel: &Parcel| {
        let verified = match kind.holds(at.load(Ordering::Relaxed), late, asked()) {
            (true, true) => verifies(&both, parcel),
            (false, true) => verifies(&new, parcel),
            _ => verifies(&old, parcel),
        };
        kind.answers(number, verified)
    });
    let mut fate = Fate::default();
    for step in (0..30 * 24).step_by(4) {
        hour.store(step, Ordering::Relaxed);
        let ring = fixture.stored(&webhook).await.key_ring;
        let now = fixture.clock.now();
        let has_changed = [0, 1].iter().all(|machine| kind.holds(step, late, *machine).1);
        if ring.adoption().is_some() && !fate.is_adopted {
            fate.is_adopted = true;
            fate.is_false = !has_changed;
        }
        if kind != Kind::VerifiesNothing {
            let (has_old, has_new) = kind.holds(step, late, toss());
            let signs_old = ring.valid_at(now).any(|key| *key == keys.old);
            fate.rejected += u64::from(!(has_new || has_old && signs_old));
            fate.rejected_without += u64::from(!(has_new || has_old && step < 24));
        }
        fixture.pass(4 * HOUR).await;
    }
    fate
}

#[tokio::test]
async fn a_fleet_of_two_hundred_receivers_loses_nothing_that_a_plain_overlap_would_not_lose_too() {
    for kind in KINDS {
        let mut all = Vec::new();
        for number in 0..19 {
            // From at once to the 28th day.
            all.push(fate(kind, number * 36, number).await);
        }
        let count = |is_so: fn(&Fate) -> bool| all.iter().filter(|fate| is_so(fate)).count();
        let (adopted, false_ones) = (count(|fate| fate.is_adopted), count(|fate| fate.is_false));
        let rejected: u64 = all.iter().map(|fate| fate.rejected).sum();
        let without: u64 = all.iter().map(|fate| fate.rejected_without).sum();
        println!(
            "{kind:?}: {adopted} of {} adopted, {false_ones} of them before all had changed over; {rejected} of {} deliveries rejected, \
             {without} with a plain overlap",
            all.len(),
            all.len() * 180
        );
        for fate in &all {
            assert!(fate.rejected <= fate.rejected_without, "{kind:?}");
            assert!(fate.is_false || fate.rejected == 0, "{kind:?}");
        }
        match kind {
            Kind::OldThenNew | Kind::OldThenBoth | Kind::NewAtOnce | Kind::BothAtOnce => {
                assert_eq!((adopted, false_ones), (all.len(), 0), "{kind:?}");
            }
            Kind::VerifiesNothing
            | Kind::VerifiesBehindAQueue
            | Kind::BehindARateLimiter
            | Kind::RefusesUnknownTypes => {
                assert_eq!(adopted, 0, "{kind:?}");
            }
            Kind::Slow => assert_eq!(false_ones, 0),
            Kind::HalfDeployed | Kind::Flapping => {}
        }
        assert!(without > 0 || matches!(kind, Kind::NewAtOnce | Kind::BothAtOnce | Kind::VerifiesNothing));
    }
}
