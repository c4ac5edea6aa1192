//! What is to be seen while a demo runs: a bar on a terminal, plain lines anywhere else. On standard error, so that the
//! outcome can be piped.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep;

use super::tally::{Book, Milestone, SoFar};
use crate::commands::local::remark;

/// How often the bar is redrawn.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// How often a line is written where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// The bar, or what stands for it.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is full when events have been published for `length`.
    pub(super) fn start(length: Duration) -> Self {
        let bar = ProgressBar::new(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("[{bar:16}] {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar }
    }

    /// Says what has happened.
    pub(super) fn say(&self, milestone: &Milestone) {
        let line = line(milestone);
        if self.bar.is_hidden() {
            remark(&line);
        } else {
            self.bar.println(line);
        }
    }

    /// Shows how far `book` has come, for ever.
    pub(super) async fn follow(&self, book: &Book) {
        let every = if self.bar.is_hidden() {
            LINE_EVERY
        } else {
            REDRAW_EVERY
        };
        loop {
            sleep(every).await;
            let so_far = book.so_far();
            if self.bar.is_hidden() {
                remark(&format!(
                    "{:5.1} s  {}",
                    so_far.elapsed.as_secs_f64(),
                    counts(&so_far)
                ));
            } else {
                let elapsed = u64::try_from(so_far.elapsed.as_millis()).unwrap_or(u64::MAX);
                let length = self.bar.length().unwrap_or(elapsed);
                self.bar.set_position(elapsed.min(length));
                self.bar.set_message(counts(&so_far));
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A milestone in one line.
pub(super) fn line(milestone: &Milestone) -> String {
    let at = Duration::from_millis(milestone.at_ms).as_secs_f64();
    format!("{at:5.1} s  {}", milestone.what)
}

fn counts(so_far: &SoFar) -> String {
    format!(
        "sent {}, verified {} (old {}, new {}), rejected {}",
        so_far.sent, so_far.verified, so_far.old, so_far.new, so_far.rejected
    )
}
