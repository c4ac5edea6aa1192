//! Logs, on standard error: for people on a terminal, JSON lines anywhere else. Secrets have no text to be
//! logged (see `webhook_domain::signing::secret`).
//!
//! All that goes to standard error while a command runs goes through one [`LogQueue`], remarks to the operator and
//! the last words of a failure included, so that nothing waits for a reader for longer than a bound.

pub(crate) mod access;
mod line;
pub(crate) mod queue;
pub(crate) mod queues;
mod sampled;

use std::io::{self, IsTerminal, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use self::access::AccessLog;
use self::line::JsonLine;
use self::queue::LogQueue;
use crate::exit::Failure;

/// How long an end, or a command that tells its operator something, waits for standard error.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// How often it is said what is counted instead of being logged line by line.
const PERIOD: Duration = Duration::from_secs(5);

static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// What the notice of dropped lines comes from. It is let through by whatever filter lets anything through that can be dropped.
const DROPPED: &str = "webhook_server::dropped_lines";

/// Lets the notice of dropped lines through: it is the service's own statement of its log.
fn with_notice(filter: EnvFilter) -> EnvFilter {
    match format!("{DROPPED}=warn").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// Leaves out what actix-http logs as an error for each malformed request: any client could fill the log with it.
/// A filter that names the target keeps it, but for the values of headers that its decoder repeats at debug level.
fn without_noise_from_clients(filter: EnvFilter) -> EnvFilter {
    let directive = match filter.to_string().contains("actix_http") {
        true => "actix_http::h1::decoder=info",
        false => "actix_http=off",
    };
    match directive.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// Starts logging what `filter` lets through, panics included.
///
/// # Errors
/// When the thread that writes cannot be started.
pub(crate) fn start(filter: EnvFilter) -> Result<(), Failure> {
    let filter = with_notice(without_noise_from_clients(filter));
    let standard_error = |line: &[u8]| Ok(rustix::io::write(rustix::stdio::stderr(), line)?);
    let queue = LogQueue::start(Box::new(standard_error), say_what_was_dropped)
        .map_err(|error| Failure::cannot("start logging", &error))?;
    let queue = QUEUE.get_or_init(|| queue);
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // An event without a text would be told of on standard error itself, with a panic if that is full.
        .log_internal_errors(false)
        .with_writer(|| queue.clone());
    if io::stderr().is_terminal() {
        logs.init();
    } else {
        logs.with_ansi(false).json().event_format(JsonLine).init();
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Tells the operator something that is no event, after all that was logged before, and waits until it is told, or
/// for a second. With standard error closed there is nobody to tell.
pub(crate) fn say(line: &str) {
    match QUEUE.get() {
        Some(queue) => {
            // Room is made for this line, if anybody reads.
            queue.flush(FLUSH_WITHIN);
            queue.push(format!("{line}\n").into_bytes());
            queue.flush(FLUSH_WITHIN);
        }
        None => {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

/// Has what was logged written before the process ends, if that takes no longer than a second.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_WITHIN);
    }
}

/// How many lines were dropped since the start.
pub(crate) fn dropped() -> u64 {
    QUEUE.get().map_or(0, LogQueue::dropped_in_all)
}

/// Says every few seconds what is counted instead of being logged line by line.
pub(crate) async fn keep_summing(access: Arc<AccessLog>) {
    loop {
        actix_web::rt::time::sleep(PERIOD).await;
        sum_up(&access);
    }
}

/// Says it now.
pub(crate) fn sum_up(access: &AccessLog) {
    access.end_period();
    queues::end_period();
}

/// Ends the process at once with this status, after what was logged.
pub(crate) fn exit(status: i32) -> ! {
    flush();
    std::process::exit(status)
}

fn say_what_was_dropped(dropped: u64, in_all: u64) {
    tracing::warn!(
        target: DROPPED,
        { log.dropped = dropped, log.dropped_in_all = in_all },
        "{dropped} log lines were dropped, because they could not be written, or not in time"
    );
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        panic.message = message,
        panic.location = location,
        thread.name = thread.name().unwrap_or("unnamed"),
        "a thread panicked"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directives(text: &str) -> Vec<String> {
        let filter = without_noise_from_clients(text.parse().unwrap()).to_string();
        let mut directives: Vec<_> = filter.split(',').map(str::to_owned).collect();
        directives.sort_unstable();
        directives
    }

    #[test]
    fn what_clients_send_to_the_decoder_is_never_logged() {
        assert_eq!(directives("trace"), ["actix_http=off", "trace"]);
        for named in [
            "actix_http=trace,info",
            "actix_http::h1::decoder=trace,actix_http=trace,info",
        ] {
            assert_eq!(
                directives(named),
                ["actix_http::h1::decoder=info", "actix_http=trace", "info"],
                "{named}"
            );
        }
    }
}
