//! An instant by which somebody decides what to do: in UTC, and how far it is from the moment at which the page was made.

use std::fmt;

use askama::filters::HtmlSafe;
use webhook_domain::time::Instant;

use super::figure::span;
use super::moment::Moment;

/// An instant, as a page that is made `now` shows it.
#[derive(Clone, Copy)]
pub(crate) struct When {
    at: Instant,
    now: Instant,
}

/// What it writes are digits, tags and its own words.
impl HtmlSafe for When {}

impl When {
    pub(crate) const fn new(at: Instant, now: Instant) -> Self {
        Self { at, now }
    }

    /// How far it is, in words.
    fn distance(self) -> String {
        let Self { at, now } = self;
        match (now.since(at).as_secs(), at.since(now).as_secs()) {
            (0, 0) => "now".to_owned(),
            (0, _) => format!("in {}", span(at.since(now))),
            _ => format!("{} ago", span(now.since(at))),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Moment(self.at).write(f, &format!(", {}", self.distance()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_instant_is_told_by_how_far_it_is() {
        let now: Instant = "2024-04-12T15:22:37Z".parse().unwrap();
        let at = Instant::from_milliseconds;
        let now_ms = now.as_milliseconds();
        for (milliseconds, told) in [
            (0, "now"),
            (999, "now"),
            (-999, "now"),
            (1_000, "in 1 second"),
            (3 * 3_600_000, "in 3 hours"),
            (-5 * 60_000, "5 minutes ago"),
            (-49 * 3_600_000, "2 days ago"),
        ] {
            let when = When::new(at(now_ms + milliseconds), now);
            assert_eq!(when.distance(), told, "{milliseconds} ms");
        }
        let shown = When::new(now.plus(Duration::from_secs(86_400)), now).to_string();
        assert_eq!(
            shown,
            "<time datetime=\"2024-04-13T15:22:37Z\">2024-04-13 15:22:37 UTC, in 24 hours</time>"
        );
    }
}
