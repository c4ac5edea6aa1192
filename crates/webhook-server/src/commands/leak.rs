//! `leak`: what to know, and to do, about a signing key that was found where it should not be.

mod report;
mod suspects;
mod written;

use clap::Subcommand;

use super::Format;
use crate::exit::Failure;
use crate::settings::Settings;

/// What to do about keys that may have leaked.
#[derive(Subcommand)]
pub(crate) enum LeakCommand {
    /// Say whose a key is, whether it signs, who was shown it, what it has signed, and what to do now
    ///
    /// The key is read from a file or from standard input, which may be the output of a scanner: keys are found wherever they stand in it. No
    /// key is printed, logged or sent anywhere; it is looked up by its fingerprint.
    ///
    /// Exit status: 3 if a key still signs, 4 if none of them is known on the platform, 0 if none signs any more (with --revoke: as it is
    /// afterwards), 2 for wrong arguments or a file without keys, 1 otherwise.
    ///
    /// Example: `gitleaks detect --report-format json --report-path - | webhook-server leak report -`
    Report(report::ReportArguments),
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: LeakCommand, format: Format) -> Result<(), Failure> {
    match command {
        LeakCommand::Report(arguments) => report::run(settings, arguments, format),
    }
}
