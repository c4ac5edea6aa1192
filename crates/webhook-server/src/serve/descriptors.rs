//! File descriptors: how many the process may have, and how many of them each part gets.
//!
//! Each connection takes one, in and out, and so do the database and the log. A process that has none left can do nothing at all, so
//! connections are bounded below the limit, and clients cannot use up what deliveries need, nor the reverse.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::exit::Failure;

/// For the database, the log, the runtimes, whoever reads metrics, and files that are read.
const OWN: u64 = 80;
/// More than this many are of no use.
const ENOUGH: u64 = 65_536;
/// An attempt may race two connections, and a resolver asks through a socket of its own.
const OF_ONE_ATTEMPT: u64 = 3;

/// What the operator can do.
pub(crate) const RAISE_IT: &str = "raise the hard limit (`ulimit -Hn`, LimitNOFILE= in systemd)";

/// How many connections each part may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// Of clients.
    pub(crate) clients: usize,
    /// Attempts to deliver that are under way at a time.
    pub(crate) attempts: usize,
    /// To receivers, kept for their next delivery.
    pub(crate) idle: usize,
    /// Test events and retries on request that are under way at a time.
    pub(crate) probes: usize,
}

impl Descriptors {
    /// Raises the soft limit to the hard one, as far as that is of use, and shares it out.
    ///
    /// # Errors
    /// When there are too few for the process alone: it would stand still in the middle of its start.
    pub(crate) fn claim() -> Result<Self, Failure> {
        let limit = raise();
        if limit < OWN {
            return Err(Failure::configuration(format!(
                "only {limit} files may be open, and the service needs {OWN} for itself and some for each connection: \
                 {RAISE_IT}"
            )));
        }
        let shared = Self::shared(limit);
        if shared.are_few() {
            tracing::warn!(
                descriptors = limit,
                clients = shared.clients,
                attempts = shared.attempts,
                "few file descriptors may be open, so fewer clients are served and fewer attempts made at a time; {RAISE_IT}"
            );
        }
        Ok(shared)
    }

    /// The limit that a start would raise the soft one to, and how it would be shared out. Changes nothing.
    pub(crate) fn foreseen() -> (u64, Self) {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let soft = current.unwrap_or(u64::MAX);
        let limit = soft.max(maximum.unwrap_or(u64::MAX).min(ENOUGH));
        (limit, Self::shared(limit))
    }

    /// Whether attempts are bounded by descriptors, and not by their own limit.
    pub(crate) fn are_few(&self) -> bool {
        self.attempts < Self::shared(ENOUGH).attempts
    }

    /// Whether a limit leaves nothing to share out.
    pub(crate) const fn is_too_low(limit: u64) -> bool {
        limit < 2 * OWN
    }

    fn shared(limit: u64) -> Self {
        let half = limit.saturating_sub(OWN) / 2;
        let part = |of_half: u64, at_most: u64| {
            let part = (half / of_half).clamp(1, at_most);
            usize::try_from(part).unwrap_or(usize::MAX)
        };
        Self {
            clients: part(1, 10_000),
            attempts: part(OF_ONE_ATTEMPT, 512),
            idle: part(4, 512),
            probes: part(4 * OF_ONE_ATTEMPT, 64),
        }
    }
}

/// The limit that holds then.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (Some(soft), hard) = (current, maximum.unwrap_or(u64::MAX)) else {
        return u64::MAX;
    };
    let wanted = hard.min(ENOUGH);
    if soft >= wanted {
        return soft;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(error = %error, "the limit of open files could not be raised");
            soft
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_enough_descriptors_nothing_is_bounded_below_its_own_limit() {
        let most = Descriptors {
            clients: 10_000,
            attempts: 512,
            idle: 512,
            probes: 64,
        };
        assert_eq!(Descriptors::shared(ENOUGH), most);
        assert_eq!(Descriptors::shared(u64::MAX), most);
    }

    #[test]
    fn with_few_descriptors_all_parts_together_stay_below_the_limit() {
        for limit in [256, 512, 1_024, 4_096, 20_000] {
            let shared = Descriptors::shared(limit);
            // Most attempts have one connection; some race two.
            let used = shared.clients + shared.attempts + shared.attempts / 2 + shared.idle + shared.probes;
            assert!((used as u64) < limit - OWN / 2, "{limit}: {shared:?}");
            assert!(shared.attempts >= 16 && shared.probes >= 4, "{limit}: {shared:?}");
        }
        let least = Descriptors::shared(0);
        assert_eq!(
            (least.clients, least.attempts, least.idle, least.probes),
            (1, 1, 1, 1)
        );
    }
}
