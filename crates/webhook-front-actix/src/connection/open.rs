//! The connections that one worker has open, and which of them are closed when there are too many.
//!
//! A connection takes a file descriptor, and a request's head that is not complete takes memory. Neither needs a credential. So both are
//! bounded, for all clients and for one address, and a new client is always let in: the connection that has waited for its client
//! longest is closed for it. A connection with a request in a handler is never closed; where there are only such, the new one is.
//!
//! Each worker has a share of the limits, and connections are spread evenly over the workers: nothing here is shared between threads.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use tokio::time::Instant;
use webhook_domain::delivery::address::Network;

use super::watch::Watch;
use crate::limits::FrontLimits;
use crate::origin::Origin;

/// One worker's open connections.
pub(crate) struct OpenConnections {
    max: usize,
    max_of_one_address: usize,
    max_head_bytes: usize,
    trusted_proxies: Vec<Network>,
    open: RefCell<Open>,
    /// How many bytes of heads that are not complete the connections hold.
    head_bytes: Cell<usize>,
}

#[derive(Default)]
struct Open {
    next: u64,
    watches: BTreeMap<u64, (Watch, Origin)>,
    of_address: HashMap<Origin, usize>,
}

/// A connection's place among those that are open, until this is dropped.
pub(crate) struct Admission {
    among: Rc<OpenConnections>,
    number: u64,
    watch: Watch,
    /// How much of `head_bytes` is this connection's.
    head_bytes: usize,
}

impl OpenConnections {
    /// None yet, of one worker of as many as `limits` have.
    pub(crate) fn new(limits: &FrontLimits) -> Rc<Self> {
        let share = |of_all: usize| of_all.div_ceil(limits.worker_count()).max(1);
        Rc::new(Self {
            max: share(limits.max_connections),
            max_of_one_address: share(limits.max_connections_of_one_address),
            max_head_bytes: share(limits.max_unfinished_head_bytes),
            trusted_proxies: limits.trusted_proxies.clone(),
            open: RefCell::default(),
            head_bytes: Cell::new(0),
        })
    }

    /// Lets a connection from `peer` in, in the place of another if there are too many. None when each of those has a request in a
    /// handler.
    pub(crate) fn admit(self: &Rc<Self>, peer: Option<IpAddr>) -> Option<Admission> {
        let origin = Origin::of(peer);
        let is_proxy = peer.is_some_and(|peer| self.is_trusted_proxy(peer));
        let open = self.open.borrow();
        let of_address = open.of_address.get(&origin).copied().unwrap_or(0);
        if of_address >= self.max_of_one_address && !is_proxy {
            open.dismiss_longest_idle(|_, other| *other == origin)?;
        } else if open.watches.len() >= self.max {
            open.dismiss_longest_idle(|_, _| true)?;
        }
        drop(open);
        let watch = Watch::new(Instant::now());
        let mut open = self.open.borrow_mut();
        let number = open.next;
        open.next += 1;
        open.watches.insert(number, (watch.clone(), origin));
        *open.of_address.entry(origin).or_default() += 1;
        Some(Admission {
            among: Rc::clone(self),
            number,
            watch,
            head_bytes: 0,
        })
    }

    fn is_trusted_proxy(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }
}

impl Open {
    /// Has the connection closed that has waited longest for its client, of those that `among` takes. None if all of them have
    /// a request in a handler.
    fn dismiss_longest_idle(&self, among: impl Fn(&Watch, &Origin) -> bool) -> Option<()> {
        let idle = self
            .watches
            .values()
            .filter(|(watch, origin)| among(watch, origin));
        let longest = idle.filter_map(|(watch, _)| Some((watch.idle_since()?, watch)));
        let (_, watch) = longest.min_by_key(|(since, _)| *since)?;
        watch.dismiss();
        Some(())
    }
}

impl Admission {
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The connection holds this many bytes of a head that is not complete. Where all connections together hold too many, the one
    /// whose head was begun first is closed.
    pub(super) fn hold_head(&mut self, bytes: usize) {
        if bytes == self.head_bytes {
            return;
        }
        let total = self.among.head_bytes.get() - self.head_bytes + bytes;
        self.among.head_bytes.set(total);
        self.head_bytes = bytes;
        if total > self.among.max_head_bytes {
            let open = self.among.open.borrow();
            // None is idle: then what is held is no head.
            let _ = open.dismiss_longest_idle(|watch, _| watch.has_begun_head());
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.among
            .head_bytes
            .set(self.among.head_bytes.get() - self.head_bytes);
        let mut open = self.among.open.borrow_mut();
        let Some((_, origin)) = open.watches.remove(&self.number) else {
            return;
        };
        if let Some(count) = open.of_address.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                open.of_address.remove(&origin);
            }
        }
    }
}
