//! How many attempts are under way at a host, so that one that hangs cannot take all that there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many attempts are under way at one host at a time, to however many webhooks.
pub(super) const PER_HOST: usize = 128;
/// How many hosts are kept in mind before those are forgotten where nothing is under way.
const KEPT: usize = 4096;

/// That an attempt may be under way at a host, until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    host: String,
    _permit: OwnedSemaphorePermit,
}

impl Admitted {
    /// Whether it is this host.
    pub(super) fn is_of(&self, host: &str) -> bool {
        self.host == host
    }
}

/// The hosts at which attempts are under way.
#[derive(Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<Semaphore>>>);

impl Hosts {
    /// Admits an attempt at `host`, if there may be another now.
    pub(super) fn try_admit(&self, host: &str) -> Option<Admitted> {
        let permit = self.places(host).try_acquire_owned().ok()?;
        Some(Admitted {
            host: host.to_owned(),
            _permit: permit,
        })
    }

    /// Admits an attempt at `host` once there may be another. Those who wait are admitted in turn.
    pub(super) async fn admit(&self, host: &str) -> Option<Admitted> {
        let permit = self.places(host).acquire_owned().await.ok()?;
        Some(Admitted {
            host: host.to_owned(),
            _permit: permit,
        })
    }

    fn places(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = hosts.get(host) {
            return Arc::clone(places);
        }
        if hosts.len() >= KEPT {
            // Whoever waits or is admitted there holds a share of it.
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = Arc::new(Semaphore::new(PER_HOST));
        hosts.insert(host.to_owned(), Arc::clone(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_has_so_many_attempts_and_others_have_their_own() {
        let hosts = Hosts::default();
        let mut admitted: Vec<_> = (0..PER_HOST)
            .map(|_| hosts.try_admit("a.example").unwrap())
            .collect();
        assert!(hosts.try_admit("a.example").is_none());
        assert!(hosts.try_admit("b.example").unwrap().is_of("b.example"));
        let (next, ()) = tokio::join!(hosts.admit("a.example"), async { drop(admitted.pop()) });
        assert!(next.unwrap().is_of("a.example"));
    }

    #[test]
    fn a_host_where_nothing_is_under_way_is_forgotten_in_time() {
        let hosts = Hosts::default();
        let kept = hosts.try_admit("kept.example").unwrap();
        for number in 0..2 * KEPT {
            drop(hosts.try_admit(&format!("{number}.example")));
        }
        let known = hosts.0.lock().unwrap();
        assert!(known.len() <= KEPT && known.contains_key("kept.example"));
        assert!(kept.is_of("kept.example"));
    }
}
