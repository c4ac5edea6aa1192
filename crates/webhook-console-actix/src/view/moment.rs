//! An instant, as pages show it: in UTC, for people and for programs. A script puts the local time beside it.

use std::fmt;

use askama::filters::HtmlSafe;
use webhook_domain::time::Instant;

/// An instant to be shown.
#[derive(Clone, Copy)]
pub(crate) struct Moment(pub(crate) Instant);

/// What it writes are digits and tags.
impl HtmlSafe for Moment {}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Moment {
    /// Writes it, with `more` said of it: before what a script puts behind it.
    pub(super) fn write(self, f: &mut fmt::Formatter<'_>, more: &str) -> fmt::Result {
        let machine = self.0.to_string();
        let (date, time) = machine.split_once('T').unwrap_or((&machine, ""));
        let time = time.trim_end_matches('Z');
        write!(f, "<time datetime=\"{machine}\">{date} {time} UTC{more}</time>")
    }
}
