//! How often who may ask: each credential, and each address that requests without a valid one come from.
//!
//! A credential has a rate of its own, whatever address it is used from and whatever the others do. Requests that
//! fail to authenticate count for the address they come from, and they alone are refused there: a valid credential is
//! never refused because others at its address failed. That is a bound on guessing, and on what guessing costs.
//!
//! All fronts of a process share one: it is one credential, and one address, that asks, at whichever front.
//!
//! The address is the [client's](crate::client_address()): the TCP peer's, unless the peer is a proxy that the deployment trusts.
//!
//! What is refused is not counted, so who slows down is served again. Counts are this process's own and are
//! forgotten at its end. Time is the [`Clock`]'s, made [steady](SteadyClock).
//!
//! What is remembered is bounded. Who was idle long enough to be as good as new is forgotten, every
//! [`FORGET_EVERY`] requests. Credentials are as many as there are valid ones in use. Addresses anybody can have many
//! of: while [`MAX_ADDRESSES`] of them are remembered, all failures count as one address's. Then a failing request may
//! get 429 where it would have got 401; a valid one is served as ever.

mod steady_clock;

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use webhook_domain::access::caller::Credential;
use webhook_domain::time::Clock;

use crate::origin::Origin;
use steady_clock::SteadyClock;

/// How many seconds' worth of failures may come from an address at once: a client whose key was revoked, or an
/// office full of them, is told 401 for a while, and not 429.
const FAILURES_AT_ONCE_SECONDS: u32 = 20;
/// The most addresses whose failures are counted apart, give or take one per worker. They take about 2 MB.
const MAX_ADDRESSES: usize = 50_000;
/// After how many requests it is looked who may be forgotten.
const FORGET_EVERY: u64 = 1_000;

/// The rates of one server's clients, shared by its fronts and their workers.
pub struct RequestRates {
    credentials: Option<Limiter<Credential>>,
    failures: Option<Limiter<Origin>>,
    max_addresses: usize,
}

/// Somebody asks more often than they may.
#[derive(Debug, PartialEq, Eq)]
pub struct TooOften {
    /// Who.
    pub who: Who,
    /// After how long the next request would not be refused.
    pub wait: Duration,
}

/// Whose rate it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Who {
    /// A credential's.
    Credential,
    /// That of an address from which requests without a valid credential come.
    Address,
}

impl RequestRates {
    /// So many requests of each credential, and so many that fail to authenticate from each address, in a second, by the time of `clock`.
    /// None is no limit.
    #[must_use]
    pub fn new(
        requests_per_second: Option<NonZeroU32>,
        failed_authentications_per_second: Option<NonZeroU32>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let credentials = requests_per_second.map(Quota::per_second);
        let failures = failed_authentications_per_second.map(failures_from_one_address);
        Self {
            credentials: credentials.map(|quota| Limiter::new(quota, clock)),
            failures: failures.map(|quota| Limiter::new(quota, clock)),
            max_addresses: MAX_ADDRESSES,
        }
    }

    /// Counts a request of `credential`'s, which was found valid.
    ///
    /// # Errors
    /// When there were too many.
    pub fn count(&self, credential: &Credential) -> Result<(), TooOften> {
        let Some(credentials) = &self.credentials else {
            return Ok(());
        };
        let who = Who::Credential;
        credentials
            .count(credential)
            .map_err(|wait| TooOften { who, wait })
    }

    /// Counts a request from `peer` that failed to authenticate.
    ///
    /// # Errors
    /// When there were too many.
    pub fn count_failure(&self, peer: Option<IpAddr>) -> Result<(), TooOften> {
        let Some(failures) = &self.failures else {
            return Ok(());
        };
        let origin = if failures.remembered() < self.max_addresses {
            Origin::of(peer)
        } else {
            Origin::Crowd
        };
        let who = Who::Address;
        failures.count(&origin).map_err(|wait| TooOften { who, wait })
    }
}

fn failures_from_one_address(per_second: NonZeroU32) -> Quota {
    let at_once = NonZeroU32::new(per_second.get().saturating_mul(FAILURES_AT_ONCE_SECONDS));
    Quota::per_second(per_second).allow_burst(at_once.unwrap_or(per_second))
}

/// One rate for each of many.
struct Limiter<K: Hash + Eq + Clone> {
    rates: RateLimiter<K, HashMapStateStore<K>, SteadyClock, NoOpMiddleware<Nanos>>,
    counted: AtomicU64,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(quota: Quota, clock: &Arc<dyn Clock>) -> Self {
        let clock = SteadyClock::new(Arc::clone(clock));
        Self {
            rates: RateLimiter::hashmap_with_clock(quota, clock),
            counted: AtomicU64::new(0),
        }
    }

    /// Counts one more of `key`, or says after how long one more would be counted.
    fn count(&self, key: &K) -> Result<(), Duration> {
        if self.counted.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
        let counted = self.rates.check_key(key);
        counted.map_err(|until| until.wait_time_from(self.rates.clock().now()))
    }

    fn remembered(&self) -> usize {
        self.rates.len()
    }
}

#[cfg(test)]
mod tests;
