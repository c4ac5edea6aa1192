//! How many attempts are under way for whom, so that nobody slow takes what others need.
//!
//! There are [`IN_FLIGHT`] places in all. A platform gets another one only while it has fewer than twice what is free; so does a
//! host within its platform, of what is free to the platform. One alone can have two thirds of all, and whoever comes then finds
//! something free; the more there are, the closer all come to the same share. A place is taken after the look at a lane, and
//! given back when its attempt is over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use webhook_domain::id::PlatformId;

/// How many attempts are under way at a time.
pub(super) const IN_FLIGHT: usize = 512;

/// The places, and who waits for one.
#[derive(Clone, Default)]
pub(super) struct Shares(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    taken: usize,
    platforms: BTreeMap<PlatformId, PlatformShare>,
}

#[derive(Default)]
struct PlatformShare {
    taken: usize,
    hosts: BTreeMap<String, HostShare>,
}

#[derive(Default)]
struct HostShare {
    taken: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// That an attempt may be under way, until this is dropped.
pub(super) struct Place {
    shares: Shares,
    platform: PlatformId,
    host: String,
}

impl Place {
    /// Whether it is for this host of this platform.
    pub(super) fn is_for(&self, platform: &PlatformId, host: &str) -> bool {
        self.platform == *platform && self.host == host
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shares.give_back(&self.platform, &self.host);
    }
}

impl State {
    fn admits(&self, platform: &PlatformId, host: &str) -> bool {
        let Some(of_platform) = self.platforms.get(platform) else {
            return self.taken < IN_FLIGHT;
        };
        let free = 2 * (IN_FLIGHT - self.taken);
        if of_platform.taken >= free {
            return false;
        }
        let of_host = of_platform.hosts.get(host).map_or(0, |host| host.taken);
        of_host < 2 * (free - of_platform.taken)
    }

    fn take(&mut self, platform: &PlatformId, host: &str) {
        self.taken += 1;
        let of_platform = self.platforms.entry(platform.clone()).or_default();
        of_platform.taken += 1;
        of_platform.hosts.entry(host.to_owned()).or_default().taken += 1;
    }

    /// Whose turn it is to get a place: of the platform that has the fewest, the host that has the fewest.
    fn next(&self) -> Option<(PlatformId, String)> {
        let mut platforms: Vec<_> = self
            .platforms
            .iter()
            .filter(|(_, share)| share.hosts.values().any(|host| !host.waiting.is_empty()))
            .collect();
        platforms.sort_by_key(|(_, share)| share.taken);
        platforms.into_iter().find_map(|(platform, share)| {
            let waiting = share.hosts.iter().filter(|(_, host)| !host.waiting.is_empty());
            let (host, _) = waiting.min_by_key(|(_, host)| host.taken)?;
            self.admits(platform, host)
                .then(|| (platform.clone(), host.clone()))
        })
    }

    /// Forgets what nobody has or waits for.
    fn tidy(&mut self, platform: &PlatformId, host: &str) {
        let Some(of_platform) = self.platforms.get_mut(platform) else {
            return;
        };
        let idle = |share: &HostShare| share.taken == 0 && share.waiting.is_empty();
        if of_platform.hosts.get(host).is_some_and(idle) {
            of_platform.hosts.remove(host);
        }
        if of_platform.hosts.is_empty() {
            self.platforms.remove(platform);
        }
    }
}

impl Shares {
    /// Takes a place, if there is one to be had now.
    pub(super) fn try_take(&self, platform: &PlatformId, host: &str) -> Option<Place> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.admits(platform, host).then(|| {
            state.take(platform, host);
            self.place(platform, host)
        })
    }

    /// Waits for a place. Those who wait at one host get theirs in turn.
    pub(super) async fn take(&self, platform: &PlatformId, host: &str) -> Option<Place> {
        let place = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (sender, place) = oneshot::channel();
            let of_platform = state.platforms.entry(platform.clone()).or_default();
            let of_host = of_platform.hosts.entry(host.to_owned()).or_default();
            of_host.waiting.push_back(sender);
            place
        };
        // It may have become free since it was asked for.
        self.hand_out();
        place.await.ok()
    }

    fn place(&self, platform: &PlatformId, host: &str) -> Place {
        Place {
            shares: self.clone(),
            platform: platform.clone(),
            host: host.to_owned(),
        }
    }

    fn give_back(&self, platform: &PlatformId, host: &str) {
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.taken = state.taken.saturating_sub(1);
            if let Some(of_platform) = state.platforms.get_mut(platform) {
                of_platform.taken = of_platform.taken.saturating_sub(1);
                if let Some(of_host) = of_platform.hosts.get_mut(host) {
                    of_host.taken = of_host.taken.saturating_sub(1);
                }
            }
            state.tidy(platform, host);
        }
        self.hand_out();
    }

    /// Gives places to those who wait, as long as there are some for them.
    fn hand_out(&self) {
        loop {
            let (waiting, place) = {
                let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let Some((platform, host)) = state.next() else {
                    return;
                };
                let of_host = state
                    .platforms
                    .get_mut(&platform)
                    .and_then(|share| share.hosts.get_mut(&host));
                let Some(waiting) = of_host.and_then(|share| share.waiting.pop_front()) else {
                    return;
                };
                if waiting.is_closed() {
                    // It has stopped waiting.
                    state.tidy(&platform, &host);
                    continue;
                }
                state.take(&platform, &host);
                (waiting, self.place(&platform, &host))
            };
            // One who has stopped waiting just now gives it back, after the lock is released.
            drop(waiting.send(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use webhook_domain::testing::fixtures;

    use super::*;

    fn fill(shares: &Shares, platform: &PlatformId, host: &str) -> Vec<Place> {
        std::iter::from_fn(|| shares.try_take(platform, host)).collect()
    }

    #[test]
    fn one_platform_leaves_something_to_others_and_one_host_to_others_of_its_platform() {
        let shares = Shares::default();
        let (one, other) = (fixtures::platform("one"), fixtures::platform("other"));
        let hanging = fill(&shares, &one, "hangs.example");
        assert!((250..300).contains(&hanging.len()), "{}", hanging.len());
        let beside = fill(&shares, &one, "other.example");
        assert!(!beside.is_empty());
        assert!((330..345).contains(&(hanging.len() + beside.len())));
        let neighbours = fill(&shares, &other, "hangs.example");
        assert!(neighbours.len() > 50, "{}", neighbours.len());
        drop((hanging, beside, neighbours));
        assert!(
            shares.0.lock().unwrap().platforms.is_empty(),
            "nothing is kept in mind"
        );
        assert_eq!(shares.0.lock().unwrap().taken, 0);
    }

    #[test]
    fn four_platforms_whose_hosts_hang_leave_something_to_a_fifth() {
        let shares = Shares::default();
        let platforms: Vec<_> = (0..4)
            .map(|number| fixtures::platform(&format!("p{number}")))
            .collect();
        let mut taken = Vec::new();
        loop {
            let before = taken.len();
            taken.extend(
                platforms
                    .iter()
                    .filter_map(|platform| shares.try_take(platform, "hangs.example")),
            );
            if taken.len() == before {
                break;
            }
        }
        let fifth = fill(&shares, &fixtures::platform("fifth"), "fast.example");
        assert!(fifth.len() >= 20, "{}", fifth.len());
    }

    #[tokio::test]
    async fn whoever_waits_gets_what_is_given_back_and_those_with_the_fewest_come_first() {
        let shares = Shares::default();
        let (one, other) = (fixtures::platform("one"), fixtures::platform("other"));
        let mut of_one = fill(&shares, &one, "a.example");
        of_one.extend(fill(&shares, &one, "b.example"));
        let mut of_other = fill(&shares, &other, "c.example");
        let (got, ()) = tokio::join!(
            async {
                tokio::select! {
                    place = shares.take(&one, "a.example") => place,
                    place = shares.take(&other, "c.example") => place,
                }
            },
            async {
                tokio::task::yield_now().await;
                for _ in 0..4 {
                    of_other.pop();
                }
            }
        );
        assert!(got.unwrap().is_for(&other, "c.example"));
        of_one.clear();
        of_other.clear();
        assert_eq!(
            shares.0.lock().unwrap().taken,
            0,
            "who stopped waiting keeps nothing"
        );
    }
}
