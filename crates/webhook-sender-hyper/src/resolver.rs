//! Who knows the addresses of a name.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::own;

/// Knows the addresses of names.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, as they are now, in the order in which they are to be tried.
    ///
    /// # Errors
    /// When there are none, or nobody to ask.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// How long a name server may take to answer, and how often it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const ASKED: usize = 2;
/// How long an answer is believed at the most, whatever it says itself.
const LONGEST_TTL: Duration = Duration::from_secs(60);
/// The same where there is no such name: a receiver may be about to get it.
const LONGEST_NEGATIVE_TTL: Duration = Duration::from_secs(10);
/// How many answers are kept.
const CACHE_SIZE: u64 = 4096;
/// How many questions may be under way over one connection to a name server.
const MAX_ACTIVE: usize = 1024;
/// How often it is asked whether the machine's files have changed.
const FILES_CHECKED_EVERY: Duration = Duration::from_secs(5);
/// What says whom to ask, and what is known without asking.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Asks the name servers of the machine, itself: a name that does not answer takes no thread, and time limits hold.
///
/// `/etc/resolv.conf` and `/etc/hosts` are honoured, and read anew when they change. What only other sources of the machine's name
/// service (`nsswitch.conf`) know, mDNS or LDAP for example, is not found.
#[derive(Default)]
pub struct MachineResolver {
    current: Mutex<Option<Current>>,
}

struct Current {
    resolver: TokioResolver,
    files: [Option<SystemTime>; 2],
    checked_at: Instant,
}

impl MachineResolver {
    /// The resolver for the files as they are.
    fn current(&self) -> io::Result<TokioResolver> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_mut() {
            if current.checked_at.elapsed() < FILES_CHECKED_EVERY {
                return Ok(current.resolver.clone());
            }
            current.checked_at = Instant::now();
            if current.files == changed_at() {
                return Ok(current.resolver.clone());
            }
        }
        let files = changed_at();
        let resolver = read()?;
        *current = Some(Current {
            resolver: resolver.clone(),
            files,
            checked_at: Instant::now(),
        });
        Ok(resolver)
    }
}

fn changed_at() -> [Option<SystemTime>; 2] {
    FILES.map(|file| fs::metadata(file).and_then(|metadata| metadata.modified()).ok())
}

fn read() -> io::Result<TokioResolver> {
    // A file that cannot be opened for want of a descriptor is not one that is not there.
    for file in FILES {
        if let Err(error) = fs::File::open(file)
            && own::shortage(&error).is_some()
        {
            return Err(error);
        }
    }
    let builder = TokioResolver::builder_tokio().or_else(|error| {
        // As the C library does without that file: the machine itself is asked.
        tracing::warn!(%error, "/etc/resolv.conf cannot be read: 127.0.0.1 is asked for names");
        let servers = vec![NameServerConfig::udp_and_tcp(IpAddr::from([127, 0, 0, 1]))];
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        io::Result::Ok(builder)
    })?;
    let mut builder = builder;
    set(builder.options_mut());
    builder.build().map_err(io::Error::other)
}

fn set(options: &mut ResolverOpts) {
    options.timeout = ANSWER_TIMEOUT;
    options.attempts = ASKED;
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    options.use_hosts_file = ResolveHosts::Always;
    options.positive_max_ttl = Some(LONGEST_TTL);
    options.negative_max_ttl = Some(LONGEST_NEGATIVE_TTL);
    options.cache_size = CACHE_SIZE;
    options.max_active_requests = MAX_ACTIVE;
}

#[async_trait]
impl Resolve for MachineResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.current()?.lookup_ip(host).await;
        let found = found.map_err(|error| match error {
            // What the machine says of its own sockets stays what it is.
            NetError::Io(error) => error.raw_os_error().map_or_else(
                || io::Error::other(Arc::clone(&error)),
                io::Error::from_raw_os_error,
            ),
            error => io::Error::other(error),
        })?;
        Ok(found.iter().collect())
    }
}
