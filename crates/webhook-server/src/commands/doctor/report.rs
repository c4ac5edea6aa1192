//! The report: told check by check as it is found, for people, or as one JSON object at the end, for programs.
//!
//! Checks run on threads of their own. One that does not end within its limit is a finding, and what would have come after it on that
//! thread is given up: a file system or a server that hangs keeps nobody waiting for long.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde::Serialize;

use super::finding::{Finding, Status};
use crate::commands::Format;
use crate::commands::local::{print, print_json, printable};
use crate::exit::Failure;

/// How wide the names of checks are.
const NAME_WIDTH: usize = 20;

/// What was found so far.
pub(super) struct Report {
    format: Format,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    message: String,
    advice: Option<String>,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    status: Status,
    checks: &'a [Check],
}

/// Where checks that run aside tell what they find.
pub(super) struct Bench(Sender<Said>);

enum Said {
    Begins(&'static str),
    Found(&'static str, Finding),
}

impl Bench {
    /// Says what is checked from now on, so that it is known what hangs.
    pub(super) fn begins(&self, name: &'static str) {
        // Nobody hears it once the limit has passed.
        let _ = self.0.send(Said::Begins(name));
    }

    /// Tells a finding.
    pub(super) fn found(&self, name: &'static str, finding: Finding) {
        let _ = self.0.send(Said::Found(name, finding));
    }
}

impl Report {
    pub(super) const fn new(format: Format) -> Self {
        Self {
            format,
            checks: Vec::new(),
        }
    }

    /// Adds a finding, and tells it at once to people.
    pub(super) fn add(&mut self, name: &'static str, finding: Finding) -> Result<(), Failure> {
        if self.format == Format::Text {
            let status = finding.status.name();
            let mut text = format!(
                "{status:4}  {name:NAME_WIDTH$}  {}\n",
                printable(&finding.message)
            );
            if let Some(advice) = &finding.advice {
                text.push_str(&format!(
                    "{:4}  {:NAME_WIDTH$}  -> {}\n",
                    "",
                    "",
                    printable(advice)
                ));
            }
            print(&text)?;
        }
        self.checks.push(Check {
            name,
            status: finding.status,
            message: finding.message,
            advice: finding.advice,
        });
        Ok(())
    }

    /// Runs checks aside, and takes what they find as it comes. Each may take so long.
    pub(super) fn aside<T: Send + 'static>(
        &mut self,
        limit: Duration,
        first: &'static str,
        work: impl FnOnce(&Bench) -> T + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        let (sender, said) = channel();
        let (done, ended) = channel();
        let thread = std::thread::Builder::new().name("doctor".to_owned());
        let started = thread.spawn(move || {
            let outcome = work(&Bench(sender));
            // Nobody waits for it once the limit has passed.
            let _ = done.send(outcome);
        });
        started.map_err(|error| Failure::cannot("start a thread", &error))?;
        self.take(limit, first, &said)?;
        Ok(ended
            .try_recv()
            .ok()
            .or_else(|| ended.recv_timeout(Duration::from_millis(200)).ok()))
    }

    fn take(&mut self, limit: Duration, first: &'static str, said: &Receiver<Said>) -> Result<(), Failure> {
        let mut checked = first;
        loop {
            match said.recv_timeout(limit) {
                Ok(Said::Begins(name)) => checked = name,
                Ok(Said::Found(name, finding)) => self.add(name, finding)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    let message = format!("it did not end within {} seconds", limit.as_secs());
                    let advice = "find out why it hangs; what depends on it was not checked";
                    return self.add(checked, Finding::fail(message, advice));
                }
            }
        }
    }

    /// How many findings are like this.
    pub(super) fn count(&self, status: Status) -> u64 {
        self.checks.iter().filter(|check| check.status == status).count() as u64
    }

    /// Whether a check of this name has found something.
    pub(super) fn has(&self, name: &str) -> bool {
        self.checks.iter().any(|check| check.name == name)
    }

    /// Whether a check of this name has failed.
    pub(super) fn has_failed(&self, name: &str) -> bool {
        self.checks
            .iter()
            .any(|check| check.name == name && check.status == Status::Fail)
    }

    /// Ends the report.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.format == Format::Text {
            return Ok(());
        }
        let worst = [Status::Fail, Status::Warn]
            .into_iter()
            .find(|status| self.count(*status) > 0);
        print_json(&ReportJson {
            status: worst.unwrap_or(Status::Ok),
            checks: &self.checks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_hangs_is_a_finding_and_those_before_it_stay() {
        let mut report = Report::new(Format::Json);
        let began = std::time::Instant::now();
        let outcome = report.aside(Duration::from_millis(100), "first", |bench| {
            bench.found("first", Finding::ok("fine"));
            bench.begins("second");
            std::thread::sleep(Duration::from_secs(30));
            bench.found("second", Finding::ok("too late"));
        });
        assert!(outcome.is_ok_and(|outcome| outcome.is_none()));
        assert!(began.elapsed() < Duration::from_secs(20));
        let found: Vec<_> = report
            .checks
            .iter()
            .map(|check| (check.name, check.status))
            .collect();
        assert_eq!(found, [("first", Status::Ok), ("second", Status::Fail)]);
    }
}
