//! The local operator at work: an open store, and leave to do everything.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use webhook_domain::access::caller::{Acting, Caller};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::id::{PlatformId, RequestId};
use webhook_domain::ports::DeliveryPause as _;
use webhook_domain::{Refusal, ServiceError, StoreError};
use webhook_store_diesel::refuse_lost;

use crate::exit::Failure;
use crate::logging;
use crate::settings::Settings;
use crate::store::OpenStore;

/// An open store, closed when dropped, and a runtime to call it from.
pub(super) struct Local {
    pub(super) open: OpenStore,
    runtime: Runtime,
}

impl Local {
    /// Opens the database, making it if it is a file that is missing.
    pub(super) fn open_or_make(settings: Settings) -> Result<Self, Failure> {
        let open = OpenStore::open(
            &settings.database_url,
            settings.master_key,
            settings.database_wait,
            settings.quotas,
            settings.secret_rotation_days,
        )?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cannot("start the runtime", &error))?;
        Ok(Self { open, runtime })
    }

    /// Opens the database, which must be there: whoever asks what is in it did not mean to make one.
    pub(super) fn open(settings: Settings) -> Result<Self, Failure> {
        if let Some(file) = settings.database_file().filter(|file| !file.exists()) {
            refuse_lost(file).map_err(|error| Failure::opening(&error))?;
            return Err(Failure::configuration(format!(
                "there is no database {}; name another with --database-url, or make this one with \
                 `webhook-server migrate`",
                file.display()
            )));
        }
        Self::open_or_make(settings)
    }

    /// The operator, acting on `platform`.
    pub(super) fn acting_on(&self, platform: Option<PlatformId>) -> Result<Acting, Failure> {
        self.acting_as(Caller::command_line(), platform)
    }

    fn acting_as(&self, caller: Caller, platform: Option<PlatformId>) -> Result<Acting, Failure> {
        let doing = "act as the operator";
        let request = RequestId::generate(self.open.entropy.as_ref())
            .map_err(|error| Failure::cannot(doing, &error))?;
        Arc::new(caller)
            .acting_on(platform, request)
            .map_err(|refusal| Failure::cannot(doing, &refusal))
    }

    /// The operator, who means to look at `platform` and not to see any key.
    pub(super) fn looking_at(&self, platform: PlatformId) -> Result<Acting, Failure> {
        let caller = Caller {
            permissions: PermissionSet::from_iter([Permission::WebhookView]),
            ..Caller::command_line()
        };
        self.acting_as(caller, Some(platform))
    }

    /// Says so, if nothing is delivered at present: what was queued waits.
    pub(super) fn remark_pause(&self) -> Result<(), Failure> {
        let doing = "ask whether deliveries are paused";
        if let Some(pause) = self.wait_for_store(doing, self.open.store.current())? {
            remark(&format!(
                "deliveries have been paused since {}: it is sent after `webhook-server deliveries resume`",
                pause.since
            ));
        }
        Ok(())
    }

    /// Does `work` with a service; `doing` completes the sentence "cannot …".
    pub(super) fn wait<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, Failure> {
        self.outcome(work).map_err(|error| cannot(doing, &error))
    }

    /// Does `work` with a service, for who has words of their own for what it refuses.
    pub(super) fn outcome<T>(
        &self,
        work: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.runtime.block_on(work)
    }
}

impl Local {
    /// As [`wait`](Self::wait), for what the store itself can do.
    pub(super) fn wait_for_store<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Failure> {
        self.wait(doing, async { work.await.map_err(ServiceError::from) })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.open.store.close();
    }
}

/// A service has not done what the operator wanted; `doing` completes the sentence "cannot …".
pub(super) fn cannot(doing: &str, error: &ServiceError) -> Failure {
    match error {
        // A rule that takes more than one argument to break.
        ServiceError::Refused(Refusal::MissingField { .. } | Refusal::InvalidField { .. }) => {
            Failure::configuration(format!("cannot {doing}: {error}"))
        }
        _ => Failure::cannot(doing, error),
    }
}

/// Writes what was asked for on standard output.
pub(super) fn answer(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.map_err(|error| Failure::cannot("write the answer", &error))
}

/// Writes what can be asked for again. A reader that has read enough and is gone, such as `head`, is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::cannot("write the answer", &error))
        }
        _ => Ok(()),
    }
}

/// As [`print()`], `subject` as one line of JSON.
pub(super) fn print_json(subject: &impl serde::Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(subject).map_err(|error| Failure::cannot("write JSON", &error))?;
    print(&format!("{json}\n"))
}

/// What somebody else wrote, for a terminal: characters that would command it are written as escapes.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => printable.extend(character.escape_unicode()),
            false => printable.push(character),
        }
    }
    printable
}

/// Writes `subject` as one line of JSON.
pub(super) fn answer_json(subject: &impl serde::Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(subject).map_err(|error| Failure::cannot("write JSON", &error))?;
    answer(&format!("{json}\n"))
}

/// Says something beside the answer. With standard error closed there is nobody to say it to.
pub(super) fn remark(text: &str) {
    logging::say(text);
}

/// Whether the operator at the terminal says yes. Without a terminal there is nobody to ask.
pub(super) fn confirmed(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::configuration(
            "there is no terminal to ask at; say --yes",
        ));
    }
    let cannot_ask = |error: io::Error| Failure::cannot("ask", &error);
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question} [y/N] ")
        .and_then(|()| terminal.flush())
        .map_err(cannot_ask)?;
    let mut said = String::new();
    io::stdin().read_line(&mut said).map_err(cannot_ask)?;
    Ok(matches!(said.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_command_a_terminal_is_written_as_escapes() {
        assert_eq!(printable("Zoë \u{1b}[2J\u{9b}\n"), "Zoë \\u{1b}[2J\\u{9b}\\u{a}");
    }
}
