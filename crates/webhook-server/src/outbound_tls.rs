//! Whom receivers' certificates may come from, and how the service proves itself to receivers, read from files at the start.

use std::path::Path;

use webhook_sender_hyper::{ClientIdentity, Roots, UnusablePem};

use crate::exit::Failure;
use crate::private_file::open_to_others;
use crate::settings::ClientIdentityFiles;

/// Those that the machine trusts, and those in the file.
pub(crate) fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    let roots = Roots::of_machine();
    match file {
        None => Ok(roots),
        Some(file) => roots.and(&read(file)?).map_err(|problem| wrong(file, &problem)),
    }
}

/// The certificate and the key in these files.
pub(crate) fn identity(files: Option<&ClientIdentityFiles>) -> Result<Option<ClientIdentity>, Failure> {
    let Some(ClientIdentityFiles { certificate, key }) = files else {
        return Ok(None);
    };
    warn_of_rights(key);
    let identity = ClientIdentity::from_pem(&read(certificate)?, &read(key)?);
    identity.map(Some).map_err(|problem| match problem {
        UnusablePem::Key | UnusablePem::NotItsKey => wrong(key, &problem),
        UnusablePem::NoCertificate | UnusablePem::Certificate => wrong(certificate, &problem),
    })
}

/// A key that others may read is none.
fn warn_of_rights(key: &Path) {
    let metadata = std::fs::metadata(key).ok();
    if let Some(mode) = metadata.as_ref().and_then(open_to_others) {
        tracing::warn!(
            file.path = %key.display(),
            file.mode = format!("{mode:o}"),
            "the key of the client's certificate is open to others than its owner; run `chmod 600` on it"
        );
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::configuration(format!("{} cannot be read: {error}", file.display())))
}

fn wrong(file: &Path, problem: &UnusablePem) -> Failure {
    Failure::configuration(format!("{} {problem}", file.display()))
}
