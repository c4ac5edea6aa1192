//! TLS to receivers: whom to trust, how the service proves itself, and why a connection could not be encrypted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use webhook_domain::delivery::attempt::TlsFailure;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Whom the certificates of receivers must come from.
#[derive(Debug, Clone)]
pub struct Roots {
    anchors: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    /// Those that the machine trusts. What cannot be read of them is left out, and told in the log.
    #[must_use]
    pub fn of_machine() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(error = %error, "a trusted root certificate cannot be read");
        }
        let roots = Self::of(found.certs);
        if roots.anchors.is_empty() {
            tracing::warn!("this machine trusts no root certificates: no https receiver can be delivered to");
        }
        roots
    }

    /// The same, and the certificates in a text in PEM.
    ///
    /// # Errors
    /// When there is none in it, or one that cannot be read.
    pub fn and(mut self, pem: &[u8]) -> Result<Self, UnusablePem> {
        let mut more = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| UnusablePem::Certificate)?;
            // One that is to be trusted alone need not be an authority's.
            X509Certificate::from_der(&certificate).map_err(|_| UnusablePem::Certificate)?;
            more.push(certificate);
        }
        if more.is_empty() {
            return Err(UnusablePem::NoCertificate);
        }
        self.anchors.add_parsable_certificates(more.iter().cloned());
        self.certificates.append(&mut more);
        Ok(self)
    }

    /// These. What cannot be read of them is left out.
    #[must_use]
    pub fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(certificates.iter().cloned());
        Self {
            anchors,
            certificates,
        }
    }
}

/// How the service proves itself to receivers that want a certificate.
#[derive(Debug, Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

impl ClientIdentity {
    /// A certificate with those of its issuers behind it, and its key, all in PEM.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, UnusablePem> {
        let chain = CertificateDer::pem_slice_iter(certificates);
        let chain: Vec<_> = chain
            .collect::<Result<_, _>>()
            .map_err(|_| UnusablePem::Certificate)?;
        if chain.is_empty() {
            return Err(UnusablePem::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| UnusablePem::Key)?;
        let provider = rustls::crypto::ring::default_provider();
        match CertifiedKey::from_der(chain, key, &provider) {
            Ok(identity) => Ok(Self(Arc::new(identity))),
            Err(rustls::Error::InconsistentKeys(_)) => Err(UnusablePem::NotItsKey),
            Err(rustls::Error::InvalidCertificate(_)) => Err(UnusablePem::Certificate),
            Err(_) => Err(UnusablePem::Key),
        }
    }
}

/// A text in PEM that is of no use. What it says is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusablePem {
    /// There is no certificate in it.
    #[error("has no certificate in PEM (BEGIN CERTIFICATE)")]
    NoCertificate,
    /// A certificate in it cannot be read.
    #[error("has a certificate that cannot be read")]
    Certificate,
    /// There is no key in it that can be read.
    #[error("has no private key in PEM that can be read and is not encrypted")]
    Key,
    /// The key is another certificate's.
    #[error("is not the key of the first certificate")]
    NotItsKey,
}

/// A connection that was opened but not encrypted.
#[derive(Debug, thiserror::Error)]
#[error("there is no common way to encrypt, or a certificate is not to be trusted")]
pub(crate) struct NotEncrypted {
    pub(crate) failure: TlsFailure,
    #[source]
    source: io::Error,
}

/// Encrypts connections to receivers.
pub(crate) struct Tls(TlsConnector);

tokio::task_local! {
    /// What is seen of the receiver to which a connection is being made. All connections share a verifier: with one of its own, none
    /// could go on with an earlier session.
    static SEEN: Arc<Seen>;
}

/// Notes something of the receiver to which a connection is being made.
fn note(of: impl FnOnce(&Seen) -> &AtomicBool, is_so: bool) {
    // Outside of a connection nobody asks.
    let _ = SEEN.try_with(|seen| of(seen).store(is_so, Ordering::Release));
}

impl Tls {
    pub(crate) fn new(roots: Roots, identity: Option<ClientIdentity>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(Verifier::new(roots, &provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(ClientIdentity(identity)) => {
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
            }
        };
        config.client_auth_cert_resolver = Arc::new(Identity(Arc::clone(&config.client_auth_cert_resolver)));
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Encrypts a connection to `host`, a name or an address.
    pub(crate) async fn encrypt(&self, host: &str, tcp: TcpStream) -> Result<Encrypted, NotEncrypted> {
        let seen = Arc::new(Seen::default());
        let unusable = |source| NotEncrypted {
            failure: TlsFailure::Other,
            source: io::Error::other(source),
        };
        let name = ServerName::try_from(host.to_owned()).map_err(unusable)?;
        let connected = SEEN.scope(Arc::clone(&seen), self.0.connect(name, tcp)).await;
        match connected {
            Ok(stream) => Ok(Encrypted { stream, seen }),
            Err(source) => Err(NotEncrypted {
                failure: seen.failure(&source),
                source,
            }),
        }
    }
}

/// An encrypted connection, and what was seen of the receiver while it was made.
pub(crate) struct Encrypted {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) seen: Arc<Seen>,
}

/// What was seen of a receiver that its errors do not tell.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// It asked for a certificate, and there was none to give.
    wanted_certificate: AtomicBool,
    /// It sent one certificate alone, which does not say itself that it is its own issuer.
    sent_one_alone: AtomicBool,
}

impl Seen {
    /// Whether the receiver asked for a certificate and got none.
    pub(crate) fn has_wanted_certificate(&self) -> bool {
        self.wanted_certificate.load(Ordering::Acquire)
    }

    /// Why a connection could not be encrypted.
    fn failure(&self, error: &io::Error) -> TlsFailure {
        match tls_error(error) {
            Some(error) => self.of(error),
            // It hung up in the middle: some do so for want of a certificate.
            None => self.or_wanted(TlsFailure::Other),
        }
    }

    /// Why TLS has ended a connection that was encrypted, if it has: TLS 1.3 has a client's certificate judged after the handshake.
    pub(crate) fn failure_afterwards(&self, error: &io::Error) -> Option<TlsFailure> {
        tls_error(error).map(|error| self.of(error))
    }

    fn of(&self, error: &rustls::Error) -> TlsFailure {
        match error {
            rustls::Error::InvalidCertificate(problem) => self.of_certificate(problem),
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(_) => TlsFailure::Version,
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                TlsFailure::ClientCertificateRequired
            }
            rustls::Error::AlertReceived(_) => self.or_wanted(TlsFailure::Other),
            _ => TlsFailure::Other,
        }
    }

    fn or_wanted(&self, otherwise: TlsFailure) -> TlsFailure {
        match self.has_wanted_certificate() {
            true => TlsFailure::ClientCertificateRequired,
            false => otherwise,
        }
    }

    fn of_certificate(&self, problem: &CertificateError) -> TlsFailure {
        match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFailure::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFailure::NameMismatch
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                TlsFailure::WrongUsage
            }
            CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer {
                sent_one_alone: self.sent_one_alone.load(Ordering::Acquire),
            },
            _ => TlsFailure::Other,
        }
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// How the service proves itself, noting whether it was asked to in vain.
#[derive(Debug)]
struct Identity(Arc<dyn ResolvesClientCert>);

impl ResolvesClientCert for Identity {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let given = self.0.resolve(hints, schemes);
        note(|seen| &seen.wanted_certificate, given.is_none());
        given
    }

    fn has_certs(&self) -> bool {
        self.0.has_certs()
    }
}

/// Judges the certificates of receivers.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// None if nobody is trusted.
    web: Option<Arc<WebPkiServerVerifier>>,
    /// What is trusted.
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn new(roots: Roots, provider: &Arc<CryptoProvider>) -> Result<Self, rustls::Error> {
        let (anchors, provider) = (Arc::new(roots.anchors), Arc::clone(provider));
        let web = match anchors.is_empty() {
            true => None,
            false => WebPkiServerVerifier::builder_with_provider(anchors, Arc::clone(&provider))
                .build()
                .map(Some)
                .map_err(|error| rustls::Error::General(error.to_string()))?,
        };
        Ok(Self {
            provider,
            web,
            certificates: roots.certificates,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // An authority's certificate proves nobody but itself: where the operator trusts this very one, it is enough.
        if self
            .certificates
            .iter()
            .any(|trusted| trusted.as_ref() == certificate.as_ref())
        {
            return verify_itself(certificate, name, now).map_err(rustls::Error::InvalidCertificate);
        }
        let is_own_issuer = is_own_issuer(certificate);
        let alone = intermediates.is_empty() && !is_own_issuer;
        note(|seen| &seen.sent_one_alone, alone);
        let unknown = || Err(CertificateError::UnknownIssuer.into());
        let Some(web) = &self.web else { return unknown() };
        match web.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            // That it is an authority's is said before that nobody trusts it.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) if is_own_issuer => unknown(),
            // An issuer of that name is trusted, but another: the receiver has renewed what it issued to itself, for example.
            Err(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => unknown(),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Accepts a certificate that is trusted itself, if it is for `name`, in force at `now`, and meant for servers where it says what
/// it is meant for (RFC 5280 §4.2.1.12).
fn verify_itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let validity = parsed.validity();
    if now.as_secs() < seconds(validity.not_before) {
        return Err(CertificateError::NotValidYet);
    }
    if now.as_secs() > seconds(validity.not_after) {
        return Err(CertificateError::Expired);
    }
    let usage = parsed
        .extended_key_usage()
        .map_err(|_| CertificateError::BadEncoding)?;
    if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
        return Err(CertificateError::InvalidPurpose);
    }
    let problem = |error| match error {
        rustls::Error::InvalidCertificate(problem) => problem,
        _ => CertificateError::BadEncoding,
    };
    let for_names = ParsedCertificate::try_from(certificate).map_err(problem)?;
    verify_server_name(&for_names, name).map_err(problem)?;
    Ok(ServerCertVerified::assertion())
}

fn is_own_issuer(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.subject() == parsed.issuer())
}
