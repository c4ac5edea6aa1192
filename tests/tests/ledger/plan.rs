//! What a run does, all of it drawn from one seed: what is published, who wants it, how receivers conduct themselves, which
//! process is killed or stopped when, whose clock is wrong, and by how much. The same seed gives the same plan; what the machine
//! makes of it differs in its timing.

use std::time::Duration;

/// The catalogue of the deployment.
pub(crate) const ACTIONS: [&str; 5] = [
    "ORDER.PLACED",
    "ORDER.PAID",
    "ORDER.PACKED",
    "ORDER.SENT",
    "ORDER.RETURNED",
];
/// Publishers at work at the same time.
pub(crate) const PUBLISHERS: usize = 8;

/// How large a run is, and the seed of everything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) events: usize,
    pub(crate) webhooks: usize,
    pub(crate) kills: usize,
}

/// A process is stopped, and goes on later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// How long after the one before.
    pub(crate) after: Duration,
    pub(crate) place: usize,
    /// For how long: longer than a lease.
    pub(crate) long: Duration,
}

/// The clock of a process is wrong, and right again later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// How long after the one before.
    pub(crate) after: Duration,
    /// By how many seconds it is ahead; behind if negative.
    pub(crate) ahead: i64,
    /// For how long.
    pub(crate) long: Duration,
}

/// What a receiver does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    Accept,
    Fail,
    Reset,
    Drip,
    Hang,
}

impl Plan {
    /// A number that belongs to a place in the plan.
    pub(crate) fn draw(&self, place: &[usize]) -> usize {
        let mut state = self.seed;
        for word in place {
            state = mix(state ^ (*word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        (state >> 16) as usize
    }

    /// How long after the last restart the next kill comes. Some are shorter than a lease and some longer.
    pub(crate) fn pause_before_kill(&self, kill: usize) -> Duration {
        Duration::from_millis(1_000 + (self.draw(&[1, kill]) % 6_000) as u64)
    }

    /// For about how long processes are killed.
    fn killing(&self) -> Duration {
        (0..self.kills).map(|kill| self.pause_before_kill(kill)).sum()
    }

    /// For how long processes are stopped and clocks are wrong: for about as long as processes are killed, and on for a while, so
    /// that few kills leave time for some of it too.
    fn troubled(&self) -> Duration {
        match self.kills {
            0 => Duration::ZERO,
            _ => self.killing() + Duration::from_secs(16),
        }
    }

    /// For how long events are published: until the lease of the last process killed is over, and a roll can be seen in
    /// processes of which none is killed, stopped or wrong any more.
    pub(crate) fn publishing(&self) -> Duration {
        self.troubled() + Duration::from_secs(6)
    }

    /// Which of so many processes are stopped when.
    pub(crate) fn stops(&self, processes: usize) -> Vec<Stop> {
        let stop = |stop| Stop {
            after: self.between(&[6, stop], 1_000, 4_000),
            place: self.draw(&[7, stop]) % processes,
            long: self.between(&[8, stop], 8_000, 9_000),
        };
        self.in_time((0..).map(stop), |stop| stop.after + stop.long)
    }

    /// When the clock of a process is wrong, and by how much: some seconds, some minutes, or up to two hours.
    pub(crate) fn steps(&self, place: usize) -> Vec<Step> {
        let step = |step| {
            let most = [60, 600, 7_200][self.draw(&[9, place, step]) % 3];
            let seconds = 8 + self.draw(&[10, place, step]) % (most - 7);
            let direction = if self.draw(&[11, place, step]).is_multiple_of(2) {
                1
            } else {
                -1
            };
            Step {
                after: self.between(&[12, place, step], 500, 3_000),
                ahead: direction * seconds as i64,
                long: self.between(&[13, place, step], 1_000, 5_000),
            }
        };
        self.in_time((0..).map(step), |step| step.after + step.long)
    }

    /// How long after the last time the sessions that listen are ended.
    pub(crate) fn pause_before_silencing(&self, time: usize) -> Duration {
        self.between(&[14, time], 1_000, 4_000)
    }

    fn between(&self, place: &[usize], least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.draw(place) % (most - least)) as u64)
    }

    /// The first of `all` for which there is time.
    fn in_time<T>(&self, all: impl Iterator<Item = T>, takes: impl Fn(&T) -> Duration) -> Vec<T> {
        let mut left = Some(self.troubled());
        all.take_while(|one| {
            left = left.and_then(|left| left.checked_sub(takes(one)));
            left.is_some()
        })
        .collect()
    }

    /// The actions that a webhook includes and excludes; none named is all, and none.
    pub(crate) fn route(&self, webhook: usize) -> (&'static [&'static str], &'static [&'static str]) {
        match webhook % 5 {
            1 => (&ACTIONS[..3], &[]),
            2 => (&[], &ACTIONS[3..]),
            3 => (&ACTIONS[..4], &ACTIONS[..1]),
            4 => (&[], &ACTIONS[1..2]),
            // The first of these is the witness: it wants everything, so its queue has the order of all.
            _ => (&[], &[]),
        }
    }

    /// Whether a webhook is to get an event.
    pub(crate) fn wants(&self, webhook: usize, event: usize) -> bool {
        let (included, excluded) = self.route(webhook);
        let action = self.action(event);
        (included.is_empty() || included.contains(&action)) && !excluded.contains(&action)
    }

    /// Whether a webhook gets `previous_data`.
    pub(crate) fn includes_previous(&self, webhook: usize) -> bool {
        webhook % 2 == 1
    }

    pub(crate) fn action(&self, event: usize) -> &'static str {
        ACTIONS[self.draw(&[2, event]) % ACTIONS.len()]
    }

    /// The object that publishes an event; its spacing and its number are such as a parser would change.
    pub(crate) fn publication(&self, event: usize) -> String {
        let (action, data) = (self.action(event), data(event));
        let previous = previous(event).map_or(String::new(), |text| format!(r#","previous_data":{text}"#));
        format!(r#"{{"type":"{action}","original_request_id":"r_{event}","data":{data}{previous}}}"#)
    }

    /// The body that a webhook is to get.
    pub(crate) fn payload(&self, webhook: usize, event: usize, created_at: &str) -> String {
        let (action, data) = (self.action(event), data(event));
        let previous = previous(event).filter(|_| self.includes_previous(webhook));
        let previous = previous.map_or(String::new(), |text| format!(r#","previous_data":{text}"#));
        format!(
            r#"{{"created_at":"{created_at}","type":"{action}","original_request_id":"r_{event}","environment":"TEST","data":{data}{previous}}}"#
        )
    }

    /// How the receiver of a webhook takes attempt `attempt` at an event; no event fails more than three times on purpose.
    pub(crate) fn conduct(&self, webhook: usize, event: usize, attempt: usize) -> Conduct {
        if attempt >= 3 {
            return Conduct::Accept;
        }
        match self.draw(&[3, webhook, event, attempt]) % 1_000 {
            0..20 => Conduct::Fail,
            20..30 => Conduct::Reset,
            30..38 => Conduct::Drip,
            38..58 if webhook % 10 == 3 => Conduct::Hang,
            _ => Conduct::Accept,
        }
    }
}

fn data(event: usize) -> String {
    format!(r#"{{ "n": {event}, "total": 1.10, "serial":12345678901234567890123 }}"#)
}

fn previous(event: usize) -> Option<String> {
    event.is_multiple_of(3).then(|| format!(r#"[ {event}.50 ]"#))
}

/// splitmix64's finaliser.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
