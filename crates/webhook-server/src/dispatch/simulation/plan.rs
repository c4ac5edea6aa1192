//! What happens in a run, and when: all of it follows from the seed.

use std::time::Duration;

use webhook_domain::testing::Random;

use super::receivers::{Behaviour, HOSTS};

/// How many processes deliver, each on a machine with a clock of its own.
pub(super) const MACHINES: usize = 3;
/// How many webhooks there are.
pub(super) const WEBHOOKS: usize = 4;
/// How long things go wrong.
pub(super) const TROUBLE: Duration = Duration::from_secs(60);
/// A clock that is wrong by more than this may hold deliveries up for longer than a run waits.
const FAR: Duration = Duration::from_secs(10 * 60);

/// A run.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) rates: Rates,
    pub(super) give_up_after: Duration,
    /// By when they happen.
    pub(super) steps: Vec<(Duration, Step)>,
    /// Whether webhooks that are inactive when the trouble is over become active again.
    pub(super) reactivates: bool,
}

/// In how many of a hundred cases a call goes wrong while there is trouble.
#[derive(Clone, Copy, Default)]
pub(super) struct Rates {
    /// The store does not do it.
    pub(super) refused: usize,
    /// The store does it, and the answer is lost.
    pub(super) lost: usize,
    /// The process lacks something to send a parcel with.
    pub(super) short: usize,
    /// It takes up to some seconds.
    pub(super) late: usize,
    /// Of what arrives, the notification is lost.
    pub(super) unheard: usize,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A process is killed, and another one starts on its machine later.
    Kill { machine: usize, back_after: Duration },
    /// A process is told to stop, and another one starts.
    Stop { machine: usize, back_after: Duration },
    /// A process stands still.
    Pause { machine: usize, lasts: Duration },
    /// The clock of a machine is put forward or back by so many milliseconds.
    Shift { machine: usize, by: i64 },
    /// Somebody publishes an event, with an idempotency key or without.
    Publish { machine: usize, named: bool },
    /// A webhook's secret is rolled.
    Roll { webhook: usize, overlap: u64 },
    /// A webhook gets another URL.
    Move { webhook: usize, host: usize },
    /// A webhook becomes active or inactive.
    Activate { webhook: usize, active: bool },
    /// A webhook is deleted.
    Delete { webhook: usize },
    /// A delivery that has ended is sent again.
    Resend { webhook: usize },
    /// A receiver begins to behave in some way.
    Behave { host: usize, behaviour: Behaviour },
}

impl Plan {
    /// The plan of this seed. Not every run has everything, so that what is frequent does not hide what is rare.
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let rates = Rates {
            refused: sometimes(random, 12),
            lost: sometimes(random, 12),
            short: sometimes(random, 30),
            late: sometimes(random, 8),
            unheard: sometimes(random, 100),
        };
        let give_up_after = random.pick(&[9, 20, 90, 3600]);
        let mut plan = Self {
            seed,
            rates,
            give_up_after: Duration::from_secs(give_up_after),
            steps: Vec::new(),
            reactivates: random.chance(80),
        };
        plan.publish(random);
        plan.break_machines(random);
        plan.change_webhooks(random);
        plan.misbehave(random);
        plan.steps.retain(|(at, _)| *at < TROUBLE);
        plan.steps.sort_by_key(|(at, _)| *at);
        plan
    }

    /// Whether a clock is wrong by so much that what it says is worth nothing.
    pub(super) fn is_far_off(&self) -> bool {
        let is_far = |step: &Step| matches!(step, Step::Shift { by, .. } if by.unsigned_abs() > FAR.as_millis() as u64);
        self.steps.iter().any(|(_, step)| is_far(step))
    }

    /// The longest that everything may take once the trouble is over: a wrong clock may have said when to try again.
    pub(super) fn settles_within(&self) -> Duration {
        let ahead: i64 = self
            .steps
            .iter()
            .map(|(_, step)| match step {
                Step::Shift { by, .. } if !self.is_far_off() => by.abs(),
                _ => 0,
            })
            .sum();
        Duration::from_secs(120) + Duration::from_millis(ahead.unsigned_abs())
    }

    fn add(&mut self, random: &mut Random, step: Step) -> Duration {
        let at = random.up_to(TROUBLE.as_millis() as usize);
        self.steps.push((at, step));
        at
    }

    /// Adds a step, often at a time at which something has just been published and is on its way.
    fn disturb(&mut self, random: &mut Random, step: Step) {
        let at = self.steps[random.below(self.steps.len())].0 + random.up_to(60);
        match random.chance(70) {
            true => self.steps.push((at, step)),
            false => drop(self.add(random, step)),
        }
    }

    fn break_machines(&mut self, random: &mut Random) {
        for _ in 0..sometimes(random, 5) {
            let (machine, back_after) = (random.below(MACHINES), random.up_to(12_000));
            let killed = random.chance(75);
            let step = match killed {
                true => Step::Kill { machine, back_after },
                false => Step::Stop { machine, back_after },
            };
            self.disturb(random, step);
        }
        for _ in 0..sometimes(random, 6) {
            let (machine, lasts) = (random.below(MACHINES), random.up_to(20_000));
            self.disturb(random, Step::Pause { machine, lasts });
        }
        for _ in 0..sometimes(random, 3) {
            let minutes = random.pick(&[1, 1, 3, 3, 5, 30, 120]);
            let by = i64::try_from(random.below(minutes * 60_000)).unwrap();
            let by = if random.chance(50) { by } else { -by };
            let machine = random.below(MACHINES);
            self.add(random, Step::Shift { machine, by });
        }
    }

    fn publish(&mut self, random: &mut Random) {
        for _ in 0..4 + random.below(10) {
            let machine = random.below(MACHINES);
            let named = random.chance(70);
            let at = self.add(random, Step::Publish { machine, named });
            for _ in 0..random.below(6) {
                let machine = random.below(MACHINES);
                self.steps
                    .push((at + random.up_to(400), Step::Publish { machine, named }));
            }
        }
    }

    fn misbehave(&mut self, random: &mut Random) {
        for _ in 0..sometimes(random, 10) {
            let (host, behaviour) = (random.below(HOSTS), random.pick(&Behaviour::ALL));
            let longest = random.pick(&[2_000, 20_000, 60_000]);
            let at = self.add(random, Step::Behave { host, behaviour });
            let recovers = at + random.up_to(longest);
            let behaviour = Behaviour::Well;
            self.steps.push((recovers, Step::Behave { host, behaviour }));
        }
    }

    fn change_webhooks(&mut self, random: &mut Random) {
        for _ in 0..sometimes(random, 12) {
            let webhook = random.below(WEBHOOKS);
            let step = match random.below(10) {
                0..=2 => Step::Roll {
                    webhook,
                    overlap: random.pick(&[0, 5, 30]),
                },
                3 | 4 => Step::Move {
                    webhook,
                    host: random.below(HOSTS),
                },
                5 | 6 => Step::Resend { webhook },
                7 | 8 => Step::Activate {
                    webhook,
                    active: false,
                },
                _ => Step::Delete { webhook },
            };
            let is_off = matches!(step, Step::Activate { .. });
            let at = self.add(random, step);
            if is_off {
                let at = at + random.up_to(15_000);
                self.steps.push((
                    at,
                    Step::Activate {
                        webhook,
                        active: true,
                    },
                ));
            }
        }
    }
}

/// In half of the cases none, otherwise from 1 to `most`.
fn sometimes(random: &mut Random, most: usize) -> usize {
    if random.chance(50) {
        0
    } else {
        1 + random.below(most)
    }
}
