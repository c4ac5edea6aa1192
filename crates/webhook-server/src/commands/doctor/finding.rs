//! What a check has found.

use serde::Serialize;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// The service works, and somebody should know.
    Warn,
    /// The service does not start, or does not do its work.
    Fail,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) status: Status,
    /// What is, or what is wrong.
    pub(super) message: String,
    /// What to do, unless it is as it should be.
    pub(super) advice: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn ok(message: impl Into<String>) -> Self {
        Self {
            status: Status::Ok,
            message: one_line(&message.into()),
            advice: None,
        }
    }

    /// Somebody should know.
    pub(super) fn warn(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            status: Status::Warn,
            message: one_line(&message.into()),
            advice: Some(one_line(&advice.into())),
        }
    }

    /// It is wrong.
    pub(super) fn fail(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            status: Status::Fail,
            message: one_line(&message.into()),
            advice: Some(one_line(&advice.into())),
        }
    }
}

/// What systems and databases say often goes over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
