//! The key ring against what was promised of each key, in every state that a few days, three rolls and what may come between them lead
//! to.
//!
//! The sequences of `model` are long and drawn; these are short and all there are.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use stateright::{Checker as _, Model, Property};
use webhook_domain::signing::key_ring::{
    Evidence, ExpiresIn, KeyRing, MAX_RETIRED_KEYS, NewKey, Overlap, SigningKey,
};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, SeededEntropy};
use webhook_domain::time::Instant;

const KEYS: usize = 4;
const LAST_DAY: u64 = 34;
/// How many steps a sequence has at the most.
const DEPTH: usize = 7;

fn day(day: u64) -> Instant {
    let start = ManualClock::START.whole_seconds();
    start.plus(Duration::from_secs(day * 86_400))
}

fn overlap(days: u64) -> Overlap {
    Overlap::from_seconds(days * 86_400).unwrap()
}

/// What was promised of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Promise {
    /// From which day on it need not sign; none while it is the current key.
    until: Option<u64>,
    /// From which day on it must not sign if it is kept, unless the keeping ended.
    kept_until: Option<u64>,
    /// It was ended by name, or by an overlap of zero.
    is_ended: bool,
}

#[derive(Debug, Clone)]
struct State {
    ring: KeyRing,
    today: u64,
    /// The latest day that it ever was.
    latest: u64,
    steps_back: u64,
    /// Of each key that was made.
    promises: Vec<Promise>,
    current: Option<usize>,
    /// Whether it was shown that the receiver verifies with the current key.
    is_proved: bool,
}

impl State {
    /// All that distinguishes one from another; keys by their ids.
    fn told_apart(&self) -> impl Hash + PartialEq + use<> {
        let ring = &self.ring;
        let retired = ring.retired().iter().map(|retired| {
            let kept = retired.kept.map(|kept| (kept.until, kept.held_to));
            (
                retired.key.id,
                retired.retired_at,
                retired.expires_at,
                kept,
                retired.told_of,
            )
        });
        (
            (
                ring.current().map(|key| key.id),
                ring.rolled_at(),
                ring.undoable(),
            ),
            (ring.adoption().is_some(), retired.collect::<Vec<_>>()),
            (self.today, self.latest, self.steps_back),
            (self.promises.clone(), self.current, self.is_proved),
        )
    }

    /// What has ended while there was a proof does not come back without it.
    fn let_go(&mut self) {
        let today = self.today;
        let is_over = |promise: &&mut Promise| promise.until.is_some_and(|until| until <= today);
        let over = self.promises.iter_mut().filter(is_over);
        over.for_each(|promise| promise.kept_until = None);
    }

    fn retire_current(&mut self, days: u64) {
        let today = self.today;
        if self.is_proved {
            self.let_go();
        }
        if let Some(current) = self.current.take() {
            self.promises[current].until = Some(today + days);
        }
        if days == 0 {
            self.promises
                .iter_mut()
                .for_each(|promise| promise.is_ended = true);
        }
        self.is_proved = false;
    }

    fn signs(&self, keys: &[SigningKey], number: usize) -> bool {
        self.ring
            .valid_at(day(self.today))
            .any(|key| key.id == keys[number].id)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.told_apart() == other.told_apart()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.told_apart().hash(hasher);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Roll { days: u64, keeps: bool },
    Remove,
    SetExpiry { key: usize, days: u64 },
    Undo { days: u64 },
    Prove { key: usize, by_receipt: bool },
    Sweep,
    Tell,
    Pass { days: u64 },
    StepBack,
}

struct Rings {
    keys: Vec<SigningKey>,
}

impl Model for Rings {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            ring: KeyRing::new(self.keys[0].clone()),
            today: 1,
            latest: 1,
            steps_back: 0,
            promises: vec![Promise::default()],
            current: Some(0),
            is_proved: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.promises.len() < KEYS {
            let rolls = [(0, false), (1, false), (1, true), (3, true)];
            actions.extend(rolls.map(|(days, keeps)| Action::Roll { days, keeps }));
        }
        actions.push(Action::Remove);
        actions.extend([0, 1].map(|days| Action::Undo { days }));
        for key in 0..state.promises.len() {
            actions.extend([0, 1, 29].map(|days| Action::SetExpiry { key, days }));
            actions.extend([true, false].map(|by_receipt| Action::Prove { key, by_receipt }));
        }
        actions.extend([Action::Sweep, Action::Tell]);
        actions.extend([1, 27].map(|days| Action::Pass { days }));
        actions.push(Action::StepBack);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let (mut state, ring, now) = (last.clone(), last.ring.clone(), day(last.today));
        let today = state.today;
        match action {
            Action::Roll { days, keeps } => {
                let new = state.promises.len();
                let rolled = ring.roll(self.keys[new].clone(), overlap(days), now).ok()?;
                state.ring = if keeps {
                    rolled.keeping_previous(now)
                } else {
                    rolled
                };
                state.retire_current(days);
                let previous = state.ring.previous(now).map(|retired| retired.key.id);
                let previous = self.keys.iter().position(|key| Some(key.id) == previous);
                if let Some(previous) = previous.filter(|_| keeps) {
                    state.promises[previous].kept_until = Some(today + 30);
                }
                state.promises.push(Promise::default());
                state.current = Some(new);
            }
            Action::Remove => {
                state.ring = ring.remove(overlap(1), now).ok()?;
                state.retire_current(1);
            }
            Action::SetExpiry { key, days } => {
                let expires_in = ExpiresIn::from_seconds(days * 86_400).unwrap();
                state.ring = ring
                    .set_expiry(&self.keys[key].fingerprint(), expires_in, now)
                    .ok()?;
                state.promises[key] = Promise {
                    until: Some(today + days),
                    kept_until: None,
                    is_ended: days == 0,
                };
            }
            Action::Undo { days } => {
                let back = ring.undoable()?;
                state.ring = ring.undo_roll(overlap(days), now).ok()?;
                let undone = state.current?;
                if state.is_proved {
                    state.let_go();
                }
                state.promises[undone] = Promise {
                    until: Some(today + days),
                    kept_until: None,
                    is_ended: days == 0,
                };
                let back = self.keys.iter().position(|key| key.id == back)?;
                state.promises[back] = Promise::default();
                (state.current, state.is_proved) = (Some(back), false);
            }
            Action::Prove { key, by_receipt } => {
                let evidence = if by_receipt {
                    Evidence::Receipt
                } else {
                    Evidence::Check
                };
                let signed = last.signs(&self.keys, key);
                state.ring = ring.proved(self.keys[key].id, evidence, now);
                let is_current = state.current == Some(key);
                if is_current || by_receipt && signed {
                    if is_current || state.is_proved {
                        state.let_go();
                    }
                    state.is_proved = is_current;
                }
            }
            Action::Sweep => state.ring = ring.without_expired(now),
            Action::Tell => state.ring = ring.told_of_expiry(now)?,
            Action::Pass { days } => state.today += days,
            Action::StepBack if state.steps_back == 0 => {
                state.today -= 1;
                state.steps_back += 1;
            }
            Action::StepBack => return None,
        }
        state.latest = state.latest.max(state.today);
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.today <= LAST_DAY
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "no key stops before the day that it was promised",
                |rings: &Self, state: &State| {
                    state.promises.iter().enumerate().all(|(number, promise)| {
                        let is_due =
                            !promise.is_ended && promise.until.is_none_or(|until| state.latest < until);
                        !is_due || state.signs(&rings.keys, number)
                    })
                },
            ),
            Property::always("no key signs after its day", |rings: &Self, state: &State| {
                state.promises.iter().enumerate().all(|(number, promise)| {
                    let kept = promise.kept_until.filter(|_| !state.is_proved);
                    let is_over =
                        promise.is_ended || kept.max(promise.until).is_some_and(|end| end <= state.today);
                    !is_over || !state.signs(&rings.keys, number)
                })
            }),
            Property::always(
                "a kept key signs until there is a proof",
                |rings: &Self, state: &State| {
                    state.promises.iter().enumerate().all(|(number, promise)| {
                        let kept = promise
                            .kept_until
                            .filter(|_| !state.is_proved && !promise.is_ended);
                        // A clock that was ahead has promised no more than a right one can.
                        let is_due = kept.is_some_and(|until| state.latest + state.steps_back < until);
                        !is_due || state.signs(&rings.keys, number)
                    })
                },
            ),
            Property::always(
                "only a proof of the current key is its adoption",
                |_, state: &State| state.ring.adoption().is_some() == state.is_proved,
            ),
            Property::always("no more keys sign than may", |_, state: &State| {
                state.ring.valid_at(day(state.today)).count() <= 1 + MAX_RETIRED_KEYS
            }),
            Property::sometimes("a key is kept beyond its day", |_, state: &State| {
                let now = day(state.today);
                state
                    .ring
                    .previous(now)
                    .is_some_and(|retired| retired.is_held(now))
            }),
            Property::sometimes("a proof is withdrawn", |_, state: &State| {
                state.ring.adoption().is_none()
                    && state.promises.iter().any(|promise| promise.kept_until.is_some())
            }),
        ]
    }
}

#[test]
fn in_every_short_sequence_each_key_signs_as_long_as_it_was_promised_and_no_longer() {
    let entropy = SeededEntropy::default();
    let key = |_| {
        NewKey::generate(day(0), &entropy)
            .unwrap()
            .under(SigningProtocol::HmacSha256)
    };
    let rings = Rings {
        keys: (0..KEYS).map(key).collect(),
    };
    let checker = rings
        .checker()
        .target_max_depth(DEPTH)
        .threads(2)
        .spawn_bfs()
        .join();
    checker.assert_properties();
    println!("{} states", checker.unique_state_count());
    assert!(checker.unique_state_count() > 50_000);
}
