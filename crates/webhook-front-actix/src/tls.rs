//! TLS of a front's own: the certificate that it shows, which can be replaced while it serves.

mod asking;

use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};

/// The certificate that a front shows. Clones are the same.
#[derive(Clone, Debug)]
pub struct ServerCertificate(Arc<RwLock<Arc<CertifiedKey>>>);

/// A certificate and its key, of which nothing has been wrong so far.
#[derive(Debug)]
pub struct CertificateAndKey(Arc<CertifiedKey>);

/// Why a certificate and its key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableCertificate {
    /// There is no certificate in PEM.
    NoCertificate,
    /// A certificate cannot be read.
    Certificate,
    /// There is no private key in PEM, or it is of a kind that cannot sign.
    Key,
    /// The key is not that of the first certificate.
    NotItsKey,
}

impl CertificateAndKey {
    /// Reads both from PEM: the server's certificate first, then those of its issuers.
    ///
    /// # Errors
    /// When they are not there, cannot be read, or do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, UnusableCertificate> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|_| UnusableCertificate::Certificate)?;
        if certificates.is_empty() {
            return Err(UnusableCertificate::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| UnusableCertificate::Key)?;
        let certified = CertifiedKey::from_der(certificates, key, &ring::default_provider());
        certified
            .map(|key| Self(Arc::new(key)))
            .map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => UnusableCertificate::NotItsKey,
                Error::InvalidCertificate(_) => UnusableCertificate::Certificate,
                _ => UnusableCertificate::Key,
            })
    }
}

impl ServerCertificate {
    /// What is shown until it is replaced.
    #[must_use]
    pub fn new(shown: CertificateAndKey) -> Self {
        Self(Arc::new(RwLock::new(shown.0)))
    }

    /// Shows another to whoever connects from now on. Connections that there are go on.
    pub fn replace(&self, shown: CertificateAndKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = shown.0;
    }

    /// TLS 1.2 and 1.3 with this certificate, for HTTP/1.1.
    pub(crate) fn config(&self) -> Result<Arc<ServerConfig>, Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
