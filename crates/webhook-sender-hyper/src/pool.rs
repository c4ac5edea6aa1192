//! Connections that are kept for the next request to the same receiver.
//!
//! A receiver closes a connection that is idle for long, and may do so at the very moment in which the next request is sent on it.
//! Servers in wide use do it after 2 to 5 seconds (gunicorn's threads, Node, uvicorn, Apache). So a connection is kept idle for less
//! than that, and used for a minute in all: a name that moves is followed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// How connections are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keeping {
    /// How long one may be idle.
    pub(crate) idle: Duration,
    /// How long one is used in all.
    pub(crate) age: Duration,
    /// How many idle ones are kept to one receiver.
    pub(crate) per_receiver: usize,
    /// How many idle ones are kept in all.
    pub(crate) in_all: usize,
}

/// To whom a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) is_encrypted: bool,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    /// That of a URL; none for one without a host.
    pub(crate) fn of(url: &url::Url) -> Option<Self> {
        let host = url.host_str()?;
        Some(Self {
            is_encrypted: url.scheme() == "https",
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default()?,
        })
    }
}

/// The connections that nobody uses now.
pub(crate) struct Pool {
    keeping: Keeping,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// Of each receiver, the one used last at the end.
    kept: HashMap<Origin, Vec<Kept>>,
    count: usize,
    is_swept: bool,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(keeping: Keeping) -> Arc<Self> {
        Arc::new(Self {
            keeping,
            idle: Mutex::default(),
        })
    }

    /// The connection to `origin` that was used last, if there is one.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.lock();
        let idle = &mut *idle;
        let kept = idle.kept.get_mut(origin)?;
        let mut found = None;
        while let Some(last) = kept.pop() {
            idle.count -= 1;
            if self.is_fresh(&last) {
                found = Some(last.connection);
                break;
            }
        }
        if kept.is_empty() {
            idle.kept.remove(origin);
        }
        found
    }

    /// Keeps a connection on which an answer has come to its end.
    pub(crate) fn put(self: &Arc<Self>, origin: Origin, connection: Connection) {
        if !connection.is_usable() || connection.age() >= self.keeping.age {
            return;
        }
        let mut idle = self.lock();
        if idle.count >= self.keeping.in_all {
            return;
        }
        let kept = idle.kept.entry(origin).or_default();
        if kept.len() >= self.keeping.per_receiver {
            return;
        }
        let since = Instant::now();
        kept.push(Kept { connection, since });
        idle.count += 1;
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.keeping.idle / 2));
        }
    }

    /// Closes all that nobody uses: their descriptors are wanted.
    pub(crate) fn close_all(&self) {
        let mut idle = self.lock();
        idle.kept.clear();
        idle.count = 0;
    }

    fn is_fresh(&self, kept: &Kept) -> bool {
        kept.since.elapsed() < self.keeping.idle
            && kept.connection.age() < self.keeping.age
            && kept.connection.is_usable()
    }

    /// Closes what has been idle for too long; whether any is left.
    fn close_old(&self) -> bool {
        let mut idle = self.lock();
        let idle = &mut *idle;
        idle.kept.retain(|_, kept| {
            kept.retain(|one| self.is_fresh(one));
            !kept.is_empty()
        });
        idle.count = idle.kept.values().map(Vec::len).sum();
        idle.is_swept = idle.count > 0;
        idle.is_swept
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        if !pool.upgrade().is_some_and(|pool| pool.close_old()) {
            return;
        }
    }
}
