//! The certificate that the API shows over TLS. Its files are followed: certificates are renewed every few weeks.
//!
//! The files' content is looked at, not their times, as with the key set of bearer tokens. A content that cannot be used, such as a new
//! certificate beside the old key, changes nothing; the log says so once.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use webhook_domain::signing::secret::SecretText;
use webhook_front_actix::{CertificateAndKey, ServerCertificate, UnusableCertificate};

use crate::exit::Failure;
use crate::files::private_file::warn_if_open_to_others;
use crate::settings::CertificateFiles;

/// A certificate with its issuers has a few KiB. What is longer is another file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The files, and what is shown of them.
pub(crate) struct CertificateOfApi {
    files: CertificateFiles,
    shown: ServerCertificate,
    seen: Seen,
}

/// What was in the files when they were looked at last, or why that could not be read.
#[derive(PartialEq, Eq)]
enum Seen {
    Pem { certificate: String, key: Secret },
    Unreadable(String),
}

/// A key's PEM.
struct Secret(SecretText);

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for Secret {}

impl CertificateOfApi {
    /// Reads both files for the first time.
    ///
    /// # Errors
    /// When they cannot be read, or do not hold a certificate and its key.
    pub(crate) fn open(files: CertificateFiles) -> Result<Self, Failure> {
        warn_if_open_to_others(&files.key, "the key of the API's certificate");
        let seen = Seen::in_files(&files);
        let certificate = seen.certificate(&files).map_err(Failure::configuration)?;
        Ok(Self {
            files,
            shown: ServerCertificate::new(certificate),
            seen,
        })
    }

    /// What the API shows, also after it was read anew.
    pub(crate) fn shown(&self) -> ServerCertificate {
        self.shown.clone()
    }

    /// Looks at the files, and takes what is new in them.
    pub(crate) fn follow(&mut self) {
        let seen = Seen::in_files(&self.files);
        if seen != self.seen {
            self.take(seen);
        }
    }

    /// Takes what is in the files, new or not, and says so.
    pub(crate) fn read_anew(&mut self) {
        self.take(Seen::in_files(&self.files));
    }

    fn take(&mut self, seen: Seen) {
        match seen.certificate(&self.files) {
            Ok(certificate) => {
                self.shown.replace(certificate);
                tracing::info!(
                    file.path = %self.files.certificate.display(),
                    "the certificate of the API was read anew"
                );
            }
            Err(problem) => tracing::warn!("{problem}; the certificate before stays in force"),
        }
        self.seen = seen;
    }
}

/// The certificate and the key that are in these files.
///
/// # Errors
/// A sentence that says why they are good for nothing.
pub(crate) fn certificate_in(files: &CertificateFiles) -> Result<CertificateAndKey, String> {
    Seen::in_files(files).certificate(files)
}

impl Seen {
    fn in_files(files: &CertificateFiles) -> Self {
        let read =
            |path: &Path| read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
        match (read(&files.certificate), read(&files.key)) {
            (Ok(certificate), Ok(key)) => Self::Pem {
                certificate,
                key: Secret(SecretText::new(key)),
            },
            (Err(problem), _) => Self::Unreadable(format!("WEBHOOK_TLS_CERTIFICATE_FILE: {problem}")),
            (_, Err(problem)) => Self::Unreadable(format!("WEBHOOK_TLS_KEY_FILE: {problem}")),
        }
    }

    /// What these files are good for, or a sentence that says why they are good for nothing.
    fn certificate(&self, files: &CertificateFiles) -> Result<CertificateAndKey, String> {
        let (certificate, key) = match self {
            Self::Unreadable(problem) => return Err(problem.clone()),
            Self::Pem { certificate, key } => (certificate.as_bytes(), key.0.expose().as_bytes()),
        };
        let of_certificate = |problem: &str| {
            let path = files.certificate.display();
            format!("WEBHOOK_TLS_CERTIFICATE_FILE: {path} {problem}")
        };
        let of_key = |problem: &str| format!("WEBHOOK_TLS_KEY_FILE: {} {problem}", files.key.display());
        CertificateAndKey::from_pem(certificate, key).map_err(|problem| match problem {
            UnusableCertificate::NoCertificate => of_certificate("has no certificate in PEM"),
            UnusableCertificate::Certificate => of_certificate("has a certificate that cannot be read"),
            UnusableCertificate::Key => of_key("has no private key in PEM that a server can sign with"),
            UnusableCertificate::NotItsKey => of_key("is not the key of the first certificate"),
        })
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
