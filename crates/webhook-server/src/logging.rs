//! Logs, on standard error: for people on a terminal, JSON lines anywhere else. Secrets have no text to be
//! logged (see `webhook_domain::secret`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

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
pub(crate) fn start(filter: EnvFilter) {
    let filter = without_noise_from_clients(filter);
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.init();
    } else {
        logs.with_ansi(false)
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init();
    }
    std::panic::set_hook(Box::new(log_panic));
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
