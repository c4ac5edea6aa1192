//! How much, how long and how many: what a client may take of a front.

use std::num::NonZeroUsize;
use std::time::Duration;

use webhook_domain::delivery::address::Network;

/// How long is read on after the time for a head or a body is over: what had come by then is read, although the server stood still.
pub(crate) const ALREADY_THERE: Duration = Duration::from_millis(100);

/// What the clients of a front may take of it.
#[derive(Debug, Clone)]
pub struct FrontLimits {
    /// From the moment a body is waited for until all of it is there; then 408. 10 seconds.
    pub body_timeout: Duration,
    /// From the first byte of a request's head, or the start of a connection, until the head is complete; then
    /// 408. 5 seconds.
    pub head_timeout: Duration,
    /// How long an answer may wait for a client that takes none of it; then the connection is cut. 10 seconds.
    pub write_timeout: Duration,
    /// How long a connection may be idle between two requests. 75 seconds.
    pub keep_alive: Duration,
    /// Threads that serve connections. As many as the machine has cores, at most 512.
    pub workers: usize,
    /// Connections of all clients. For a further one, the connection that has waited longest for its client is closed. 10,000.
    pub max_connections: usize,
    /// Connections of one client address (IPv6: of one /64 network) that is no trusted proxy, likewise. 7,500.
    pub max_connections_of_one_address: usize,
    /// Bytes of request heads that are not complete, in all. Beyond it the connection whose head was begun first is closed. 16 MiB.
    pub max_unfinished_head_bytes: usize,
    /// The networks of reverse proxies whose `X-Forwarded-For` and `Forwarded` are believed. None.
    pub trusted_proxies: Vec<Network>,
    /// How long requests under way may take to finish once the server is told to stop, in whole seconds. 30 seconds.
    pub shutdown_timeout: Duration,
}

impl Default for FrontLimits {
    fn default() -> Self {
        Self {
            body_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            workers: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            max_connections: 10_000,
            max_connections_of_one_address: 7_500,
            max_unfinished_head_bytes: 16 * 1024 * 1024,
            trusted_proxies: Vec::new(),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl FrontLimits {
    /// The number of workers that actix takes: 1 to 512.
    pub(crate) fn worker_count(&self) -> usize {
        self.workers.clamp(1, 512)
    }
}
