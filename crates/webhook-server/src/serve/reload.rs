//! Files that are read anew while the server runs: the key set and the certificate when they change and on SIGHUP, the actions on SIGHUP.
//!
//! A file that cannot be used changes nothing: what was in force stays in force, and the log says what is wrong.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use webhook_http_actix::CurrentActions;

use crate::exit::Failure;
use crate::files::actions;
use crate::files::bearer_tokens::KeySetFile;
use crate::files::inbound_tls::CertificateOfApi;
use crate::serve::service_manager;

/// How often the files that are followed are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is read anew.
pub(crate) struct Reloaded {
    /// The issuer's keys, if tokens are taken.
    pub(crate) key_set: Option<KeySetFile>,
    /// The API's certificate, if it speaks TLS.
    pub(crate) certificate: Option<CertificateOfApi>,
    /// The file of the actions, if there is one, and the actions in force.
    pub(crate) actions: Option<(PathBuf, CurrentActions)>,
}

impl Reloaded {
    /// Starts the thread that reads them; `hang_ups` tells of each SIGHUP, and ends the thread when it is gone.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(mut self, hang_ups: Receiver<()>) -> Result<(), Failure> {
        std::thread::Builder::new()
            .name("reload".into())
            .spawn(move || self.run(&hang_ups))
            .map(drop)
            .map_err(|error| Failure::cannot("follow files that change", &error))
    }

    fn run(&mut self, hang_ups: &Receiver<()>) {
        loop {
            match hang_ups.recv_timeout(LOOK_EVERY) {
                Ok(()) => service_manager::reloading(|| self.read_all()),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(key_set) = &mut self.key_set {
                        key_set.follow();
                    }
                    if let Some(certificate) = &mut self.certificate {
                        certificate.follow();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn read_all(&mut self) {
        tracing::info!(signal = "SIGHUP", "files are read anew");
        if let Some(key_set) = &mut self.key_set {
            key_set.read_anew();
        }
        if let Some(certificate) = &mut self.certificate {
            certificate.read_anew();
        }
        if let Some((file, current)) = &self.actions {
            match actions::catalogue(Some(file)) {
                Ok(catalogue) => {
                    tracing::info!(file.path = %file.display(), actions = catalogue.iter().count(), "the actions were read anew");
                    current.replace(catalogue);
                }
                Err(failure) => tracing::warn!("{}; the actions before stay in force", failure.message()),
            }
        }
    }
}
