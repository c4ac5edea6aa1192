//! Certificates of receivers, and how receivers speak TLS: for the sender's own tests and for the black-box tests, which share
//! nothing else.
//!
//! An [`Authority`] issues, an [`Identity`] is what a receiver or a client shows, and [`Speaks`] says which versions of TLS a receiver
//! has and whose certificates it demands. [`before_tls_1_2`] has the bytes of servers that are too old.

pub mod before_tls_1_2;

use std::sync::Arc;

use rcgen::{BasicConstraints, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair};
pub use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Who issues certificates, with its key.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate with those behind it, and its key.
pub struct Identity {
    /// The certificate, and those that are sent behind it.
    pub chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Identity {
    /// One that nobody but itself has issued.
    pub fn of_its_own(parameters: &CertificateParams) -> Self {
        let key = new_key();
        let certificate = parameters.self_signed(&key).expect("it can be signed");
        Self {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    /// One that `issuer` has issued, sent alone.
    pub fn issued(parameters: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Self {
        Self::issued_to(new_key(), parameters, issuer)
    }

    /// The same with an Ed25519 key.
    pub fn issued_for_ed25519(parameters: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key can be made");
        Self::issued_to(key, parameters, issuer)
    }

    fn issued_to(key: KeyPair, parameters: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Self {
        let certificate = parameters.signed_by(&key, issuer).expect("it can be signed");
        Self {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    /// The same with the certificates of these behind it.
    pub fn with(mut self, more: &[&Authority]) -> Self {
        let certificates = more.iter().map(|authority| authority.as_ref().der().clone());
        self.chain.extend(certificates);
        self
    }

    /// The same with what is behind its certificate in the opposite order.
    pub fn shuffled(mut self) -> Self {
        self.chain[1..].reverse();
        self
    }

    /// Its certificate alone, for whom trusts that very one.
    pub fn own(&self) -> Vec<CertificateDer<'static>> {
        vec![self.chain[0].clone()]
    }

    /// Its key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("the key is PKCS #8")
    }

    /// Its key in PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

/// A certificate for `name`, a name or an address.
pub fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).expect("it can be named")
}

/// The same with a change.
pub fn changed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters = named(name);
    change(&mut parameters);
    parameters
}

/// A certificate of an authority.
pub fn of_authority(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).expect("it needs no name");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

/// A root, and an authority between it and receivers.
pub fn authorities(name: &str) -> (Authority, Authority) {
    let root = CertifiedIssuer::self_signed(of_authority(name), new_key()).expect("it can be signed");
    let between = authority_below(&root, of_authority("between"));
    (root, between)
}

/// An authority that `issuer` has issued.
pub fn authority_below(issuer: &Authority, parameters: CertificateParams) -> Authority {
    CertifiedIssuer::signed_by(parameters, new_key(), issuer).expect("it can be signed")
}

/// What whoever trusts `authority` trusts.
pub fn trusting(authority: &Authority) -> Vec<CertificateDer<'static>> {
    vec![authority.as_ref().der().clone()]
}

/// How a receiver speaks TLS: by default 1.2 and 1.3, and it demands nothing.
#[derive(Default)]
pub struct Speaks {
    /// This version alone.
    pub only: Option<&'static SupportedProtocolVersion>,
    /// Whose certificates it demands of its clients.
    pub demands: Option<Vec<CertificateDer<'static>>>,
}

/// The receiver's side of TLS for `identity`.
pub fn server(identity: &Identity, speaks: Speaks) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = match speaks.only {
        Some(only) => vec![only],
        None => rustls::ALL_VERSIONS.to_vec(),
    };
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .expect("there are such versions");
    let config = match speaks.demands {
        None => config.with_no_client_auth(),
        Some(issuers) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(issuers);
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().expect("there is an issuer"))
        }
    };
    let config = config.with_single_cert(identity.chain.clone(), identity.key());
    Arc::new(config.expect("the key is the certificate's"))
}
