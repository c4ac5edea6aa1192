//! How the process ends: 0 when all went well, 2 when it was told something wrong, 1 for everything else, unless a command says more by its
//! status.

use std::error::Error;
use std::process::ExitCode;

use webhook_store_diesel::OpenError;
use webhook_store_diesel::backup::BackupError;

use crate::logging;

/// Why the process ends before its work is done, in words for the operator. Never holds a secret.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// A setting or an argument is wrong: status 2.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self {
            status: 2,
            message: message.into(),
        }
    }

    /// Something could not be done: status 1. `doing` completes the sentence "cannot …".
    pub(crate) fn cannot(doing: &str, error: &(dyn Error + 'static)) -> Self {
        Self {
            status: 1,
            message: format!("cannot {doing}: {}", chain(error)),
        }
    }

    /// What was looked for was found, and it is not good: status 1.
    pub(crate) const fn found(message: String) -> Self {
        Self { status: 1, message }
    }

    /// What was looked for was found, and has a status of its own.
    pub(crate) const fn with_status(status: u8, message: String) -> Self {
        Self { status, message }
    }

    /// The database could not be opened: the operator's mistake or the machine's.
    pub(crate) fn opening(error: &OpenError) -> Self {
        Self {
            status: if error.is_configuration() { 2 } else { 1 },
            message: format!("cannot open the database: {}", chain(error)),
        }
    }

    /// A database could not be copied or examined: the operator's mistake or the machine's.
    pub(crate) fn of_backup(doing: &str, error: &BackupError) -> Self {
        let is_configuration = match error {
            BackupError::Open(error) => error.is_configuration(),
            BackupError::NotOurs => true,
            _ => false,
        };
        Self {
            status: if is_configuration { 2 } else { 1 },
            message: format!("cannot {doing}: {}", chain(error)),
        }
    }

    /// What the operator reads.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Tells the operator, and gives the status to end with.
    pub(crate) fn report(&self) -> ExitCode {
        logging::say(&format!("webhook-server: {}", self.message));
        ExitCode::from(self.status)
    }
}

#[cfg(test)]
impl Failure {
    /// The status the process ends with.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }
}

/// An error with all that caused it, outermost first.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
