//! Who gets a place for an attempt next, as [the domain's shares](webhook_domain::delivery::shares) have it.
//!
//! A place is taken after the look at a lane, and given back when its attempt is over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use webhook_domain::delivery::shares;
use webhook_domain::id::PlatformId;

/// The places, and who waits for one.
#[derive(Clone)]
pub(super) struct Shares(Arc<Mutex<State>>);

struct State {
    shares: shares::Shares,
    waiting: BTreeMap<PlatformId, BTreeMap<String, VecDeque<oneshot::Sender<Place>>>>,
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
    /// Takes a place for whoever's turn it is: of the platform that has the fewest, the host that has the fewest.
    fn next(&mut self) -> Option<(PlatformId, String, oneshot::Sender<Place>)> {
        let mut platforms: Vec<_> = self.waiting.iter().collect();
        platforms.sort_by_key(|(platform, _)| self.shares.of_platform(platform));
        let (platform, host) = platforms.into_iter().find_map(|(platform, hosts)| {
            let host = hosts
                .keys()
                .min_by_key(|host| self.shares.of_host(platform, host))?;
            let turn = (platform.clone(), host.clone());
            self.shares.admits(platform, host).then_some(turn)
        })?;
        let hosts = self.waiting.get_mut(&platform)?;
        let queue = hosts.get_mut(&host)?;
        let first = queue.pop_front();
        if queue.is_empty() {
            hosts.remove(&host);
        }
        if hosts.is_empty() {
            self.waiting.remove(&platform);
        }
        Some((platform, host, first?))
    }
}

impl Shares {
    /// So many places, all free.
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            shares: shares::Shares::new(places),
            waiting: BTreeMap::new(),
        })))
    }

    /// Takes a place, if there is one to be had now.
    pub(super) fn try_take(&self, platform: &PlatformId, host: &str) -> Option<Place> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = state.shares.try_take(platform, host);
        taken.then(|| self.place(platform, host))
    }

    /// Waits for a place. Those who wait at one host get theirs in turn.
    pub(super) async fn take(&self, platform: &PlatformId, host: &str) -> Option<Place> {
        let place = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (sender, place) = oneshot::channel();
            let hosts = state.waiting.entry(platform.clone()).or_default();
            hosts.entry(host.to_owned()).or_default().push_back(sender);
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
            state.shares.give_back(platform, host);
        }
        self.hand_out();
    }

    /// Gives places to those who wait, as long as there are some for them.
    fn hand_out(&self) {
        loop {
            let (waiting, place) = {
                let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let Some((platform, host, waiting)) = state.next() else {
                    return;
                };
                if waiting.is_closed() || !state.shares.try_take(&platform, &host) {
                    // It has stopped waiting.
                    continue;
                }
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

    #[tokio::test]
    async fn whoever_waits_gets_what_is_given_back_and_those_with_the_fewest_come_first() {
        let shares = Shares::new(512);
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
            shares.0.lock().unwrap().shares.taken(),
            0,
            "who stopped waiting keeps nothing"
        );
    }
}
