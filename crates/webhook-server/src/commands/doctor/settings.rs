//! The settings, and the files that they name.

use std::path::Path;
use std::time::Duration;

use webhook_domain::delivery::event::Environment;
use webhook_domain::delivery::retry_schedule::RetrySchedule;

use super::finding::Finding;
use super::report::{Bench, Report};
use crate::commands::counted;
use crate::exit::Failure;
use crate::files::actions;
use crate::files::bearer_tokens::KeySetFile;
use crate::files::inbound_tls::CertificateOfApi;
use crate::files::outbound_tls;
use crate::files::private_file;
use crate::settings::{Examined, Settings};

const NAME: &str = "settings";
/// The check of the files with certificates.
pub(super) const TLS: &str = "settings.tls";
/// How long a file that a setting names may take to be read.
const LIMIT: Duration = Duration::from_secs(5);

/// Says what is wrong with each setting, and with the files that settings name.
pub(super) fn examine(report: &mut Report, examined: &Examined) -> Result<(), Failure> {
    for problem in &examined.problems {
        report.add(NAME, Finding::fail(problem, "correct it; a start refuses it"))?;
    }
    for (warning, advice) in &examined.warnings {
        report.add(NAME, Finding::warn(warning, advice))?;
    }
    let settings = &examined.settings;
    if settings.environment == Environment::Live && settings.retry_schedule != RetrySchedule::default() {
        let message =
            "the deployment is LIVE, and WEBHOOK_RETRY_SPEED makes retries faster than receivers are used to";
        report.add(NAME, Finding::warn(message, "remove it: it is for tests"))?;
    }
    if examined.problems.is_empty() {
        let file = match &examined.file {
            Some(file) => file.display().to_string(),
            None => "no settings file".to_owned(),
        };
        let given = counted(examined.given as u64, "setting");
        report.add(
            NAME,
            Finding::ok(format!("{given} set, the others are defaults; {file}")),
        )?;
    }
    named_files(report, settings)
}

/// Reads each file that a setting names, as a start does.
fn named_files(report: &mut Report, settings: &Settings) -> Result<(), Failure> {
    let tokens = settings.tokens.clone();
    if let Some(file) = settings.actions_file.clone() {
        let read = move || actions::catalogue(Some(&file)).map(|_| file.display().to_string());
        aside(report, "settings.actions", "the catalogue of actions", read)?;
    }
    if let Some(tokens) = tokens {
        let read = move || {
            let file = tokens.keys_file.display().to_string();
            KeySetFile::open(tokens).map(|_| file)
        };
        aside(report, "settings.jwt_keys", "the keys of bearer tokens", read)?;
    }
    if let Some(files) = settings.certificate.clone() {
        let read = move || {
            let file = files.certificate.display().to_string();
            CertificateOfApi::open(files).map(|_| file)
        };
        aside(report, "settings.certificate", "the certificate of the API", read)?;
    }
    let (roots, client) = (
        settings.receivers_ca_file.clone(),
        settings.client_identity.clone(),
    );
    let client_key = client.as_ref().map(|files| files.key.clone());
    if roots.is_some() || client.is_some() {
        let read = move || {
            outbound_tls::roots(roots.as_deref())?;
            outbound_tls::identity(client.as_ref())?;
            Ok("they can be used".to_owned())
        };
        aside(report, TLS, "the certificates for deliveries", read)?;
    }
    match client_key {
        Some(key) => open_to_others(report, TLS, "the key of the client's certificate", &key),
        None => Ok(()),
    }
}

fn aside(
    report: &mut Report,
    name: &'static str,
    what: &'static str,
    read: impl FnOnce() -> Result<String, Failure> + Send + 'static,
) -> Result<(), Failure> {
    let check = move |bench: &Bench| {
        let finding = match read() {
            Ok(file) => Finding::ok(format!("{what}: {file}")),
            Err(failure) => Finding::fail(failure.message(), "correct the file; a start refuses it"),
        };
        bench.found(name, finding);
    };
    report.aside(LIMIT, name, check).map(drop)
}

/// Warns of a file with a secret that others than its owner may read.
fn open_to_others(report: &mut Report, name: &'static str, what: &str, path: &Path) -> Result<(), Failure> {
    match path
        .metadata()
        .ok()
        .as_ref()
        .and_then(private_file::open_to_others)
    {
        Some(mode) => {
            let message = format!("{what} {} is open to others (mode {mode:o})", path.display());
            report.add(
                name,
                Finding::warn(message, format!("chmod 600 {}", path.display())),
            )
        }
        None => Ok(()),
    }
}
