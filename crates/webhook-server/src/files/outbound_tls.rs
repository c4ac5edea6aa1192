//! Whom receivers' certificates may come from, and how the service proves itself to receivers, read from files at the start.

use std::path::Path;

use webhook_sender_hyper::{ClientIdentity, Roots, UnusablePem};

use crate::exit::Failure;
use crate::files::private_file::warn_if_open_to_others;
use crate::settings::CertificateFiles;

/// Those that the machine trusts, and those in the file.
pub(crate) fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    let roots = Roots::of_machine();
    match file {
        None => Ok(roots),
        Some(file) => roots.and(&read(file)?).map_err(|problem| wrong(file, &problem)),
    }
}

/// The certificate and the key in these files.
pub(crate) fn identity(files: Option<&CertificateFiles>) -> Result<Option<ClientIdentity>, Failure> {
    let Some(CertificateFiles { certificate, key }) = files else {
        return Ok(None);
    };
    warn_if_open_to_others(key, "the key of the client's certificate");
    let identity = ClientIdentity::from_pem(&read(certificate)?, &read(key)?);
    identity.map(Some).map_err(|problem| match problem {
        UnusablePem::Key | UnusablePem::NotItsKey => wrong(key, &problem),
        UnusablePem::NoCertificate | UnusablePem::Certificate => wrong(certificate, &problem),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::configuration(format!("{} cannot be read: {error}", file.display())))
}

fn wrong(file: &Path, problem: &UnusablePem) -> Failure {
    Failure::configuration(format!("{} {problem}", file.display()))
}
