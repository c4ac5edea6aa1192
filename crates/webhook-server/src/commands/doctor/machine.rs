//! The machine: its clock and its file descriptors.

use webhook_domain::time::{Clock as _, Instant};

use super::finding::Finding;
use super::report::Report;
use crate::clock::SystemClock;
use crate::exit::Failure;
use crate::serve::descriptors::{Descriptors, RAISE_IT};

/// 2025-01-01T00:00:00Z: no release of this service is older.
const OLDEST_TIME: i64 = 1_735_689_600_000;

/// Says what is wrong with the machine.
pub(super) fn examine(report: &mut Report) -> Result<(), Failure> {
    report.add("clock", clock(SystemClock.now()))?;
    report.add("descriptors", descriptors())
}

fn clock(now: Instant) -> Finding {
    match now.as_milliseconds() < OLDEST_TIME {
        true => Finding::fail(
            format!("the machine's clock says {now}, which cannot be"),
            "set it right and keep it so (NTP): signatures carry it, and certificates are judged by it",
        ),
        false => Finding::ok(format!("the machine's clock says {now}")),
    }
}

fn descriptors() -> Finding {
    let (limit, shared) = Descriptors::foreseen();
    let message = format!(
        "a server started from here may have {limit} files open: {} clients and {} attempts at a time",
        shared.clients, shared.attempts
    );
    match (Descriptors::is_too_low(limit), shared.are_few()) {
        (true, _) => Finding::fail(message, RAISE_IT),
        (_, true) => Finding::warn(message, RAISE_IT),
        _ => Finding::ok(message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn a_clock_of_a_time_before_this_service_cannot_be_right() {
        assert_eq!(clock(Instant::from_milliseconds(0)).status, Status::Fail);
        assert_eq!(clock(Instant::from_milliseconds(OLDEST_TIME)).status, Status::Ok);
    }
}
