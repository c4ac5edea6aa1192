//! The operator's commands. They work on the database itself, beside a running server or without one, and
//! are audited as `command-line`.
//!
//! Standard output has what was asked for and nothing else, so that it can be piped; remarks and logs go to
//! standard error.

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod compact;
pub(crate) mod deliveries;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod leak;
mod local;
pub(crate) mod migrate;
pub(crate) mod rekey;
pub(crate) mod restore;
pub(crate) mod rotation;
mod table;
pub(crate) mod verify;
pub(crate) mod webhook;

use clap::CommandFactory as _;
use webhook_domain::ports::Outcome;

use crate::cli::Cli;
use crate::exit::Failure;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: the JSON of the API.
    Json,
}

impl Format {
    /// JSON if asked for.
    pub(crate) const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// So many things of this name, which takes an `s` where there is more than one or none.
fn counted(number: u64, name: &str) -> String {
    match number {
        1 => format!("1 {name}"),
        number => format!("{number} {name}s"),
    }
}

/// A number that is written in digits alone, as the API and the settings have it.
fn whole_number<Number: std::str::FromStr>(text: &str) -> Option<Number> {
    let digits_alone = text.bytes().all(|byte| byte.is_ascii_digit());
    digits_alone.then(|| text.parse().ok()).flatten()
}

/// Prints what makes a shell complete this command line.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "webhook-server", &mut script);
    local::print(&String::from_utf8_lossy(&script))
}

/// Prints the document of the API.
pub(crate) fn openapi() -> Result<(), Failure> {
    local::print(webhook_http_actix::openapi_json())
}

/// What an order without an idempotency key was done to; such an order can have no other outcome.
pub(crate) fn done<T>(outcome: Outcome<T>, doing: &str) -> Result<T, Failure> {
    match outcome {
        Outcome::Done { subject, .. } => Ok(*subject),
        Outcome::Replayed(_) => Err(Failure::configuration(format!(
            "cannot {doing}: it was done before"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_not_many() {
        let texts = [0, 1, 2].map(|number| counted(number, "webhook"));
        assert_eq!(texts, ["0 webhooks", "1 webhook", "2 webhooks"]);
    }
}
