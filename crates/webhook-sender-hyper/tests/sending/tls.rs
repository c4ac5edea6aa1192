//! Receivers with certificates: which are believed, and why others are not, each by its cause.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use webhook_domain::attempt::{AttemptOutcome, FailureCause, TlsFailure};
use webhook_domain::ports::Sender as _;
use webhook_domain::testing::ManualClock;
use webhook_sender_hyper::{ClientIdentity, HyperSender, Roots, SenderLimits, UnusablePem};

use crate::house::*;

const NAME: &str = "hook.example";

/// A certificate with those behind it, and its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Identity {
    /// One that nobody but itself has issued.
    fn of_its_own(parameters: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    fn issued(parameters: &CertificateParams, key: KeyPair, issuer: &Issuer<'_, KeyPair>) -> Self {
        let certificate = parameters.signed_by(&key, issuer).unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    fn with(mut self, more: &[&Authority]) -> Self {
        let certificates = more.iter().map(|authority| authority.as_ref().der().clone());
        self.chain.extend(certificates);
        self
    }

    fn own(&self) -> Vec<CertificateDer<'static>> {
        vec![self.chain[0].clone()]
    }

    fn der_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

fn of_authority(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

/// A root, and an authority between it and receivers.
fn authorities(name: &str) -> (Authority, Authority) {
    let root = CertifiedIssuer::self_signed(of_authority(name), KeyPair::generate().unwrap()).unwrap();
    let between = CertifiedIssuer::signed_by(of_authority("between"), KeyPair::generate().unwrap(), &root);
    (root, between.unwrap())
}

fn trusting(authority: &Authority) -> Vec<CertificateDer<'static>> {
    vec![authority.as_ref().der().clone()]
}

fn changed(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters = named(NAME);
    change(&mut parameters);
    parameters
}

/// How a receiver speaks TLS.
#[derive(Default)]
struct Speaks {
    only: Option<&'static SupportedProtocolVersion>,
    /// Whose certificates it demands of its clients.
    demands: Option<Vec<CertificateDer<'static>>>,
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

async fn receiver(identity: &Identity, speaks: Speaks) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = match speaks.only {
        Some(only) => vec![only],
        None => rustls::ALL_VERSIONS.to_vec(),
    };
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .unwrap();
    let config = match speaks.demands {
        None => config.with_no_client_auth(),
        Some(issuers) => {
            let roots = Arc::new(roots(issuers));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = config
        .with_single_cert(identity.chain.clone(), identity.der_key())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(stream, OK, Arc::default()).await;
                }
            });
        }
    });
    address
}

fn sender_of(trusted: Vec<CertificateDer<'static>>, identity: Option<ClientIdentity>) -> HyperSender {
    let limits = SenderLimits {
        attempt_timeout: Duration::from_secs(5),
        ..SenderLimits::default()
    };
    let clock = Arc::new(ManualClock::at(ManualClock::START));
    let names = Names::saying(&[&["127.0.0.1"]]);
    HyperSender::new(
        allowing(&["127.0.0.0/8"]),
        names,
        Roots::of(trusted),
        identity,
        limits,
        clock,
    )
    .unwrap()
}

async fn outcome_at(sender: &HyperSender, host: &str, address: SocketAddr) -> AttemptOutcome {
    let url = format!("https://{host}:{}/", address.port());
    sender.send(parcel(&url).unwrap()).await.outcome
}

const fn refused(failure: TlsFailure) -> AttemptOutcome {
    AttemptOutcome::failed(FailureCause::Tls(failure))
}

const fn unknown_issuer(sent_one_alone: bool) -> AttemptOutcome {
    refused(TlsFailure::UnknownIssuer { sent_one_alone })
}

#[tokio::test]
async fn a_certificate_is_believed_or_refused_by_its_cause() {
    let (root, between) = authorities("root");
    let (elsewhere, _) = authorities("another root");
    let issued = |parameters: &CertificateParams| {
        Identity::issued(parameters, KeyPair::generate().unwrap(), &between).with(&[&between])
    };
    let good = || issued(&named(NAME));
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let year = date_time_ymd;
    let authority_named = |change: fn(&mut CertificateParams)| {
        let mut parameters = of_authority("its own");
        parameters.subject_alt_names = named(NAME).subject_alt_names;
        change(&mut parameters);
        Identity::of_its_own(&parameters)
    };
    let own = |identity: Identity| {
        let trusted = identity.own();
        (identity, trusted)
    };
    let of_root = |identity: Identity| (identity, trusting(&root));
    let mut shuffled = good().with(&[&root]);
    shuffled.chain[1..].reverse();
    let mut client_only = named(NAME);
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (name, (identity, trusted), host, expected) in [
        ("a good chain", of_root(good()), NAME, answered(200)),
        (
            "a chain with its root",
            of_root(good().with(&[&root])),
            NAME,
            answered(200),
        ),
        ("a chain that is shuffled", of_root(shuffled), NAME, answered(200)),
        (
            "Ed25519",
            of_root(Identity::issued(&named(NAME), ed25519, &between).with(&[&between])),
            NAME,
            answered(200),
        ),
        (
            "an address",
            of_root(issued(&named("127.0.0.1"))),
            "127.0.0.1",
            answered(200),
        ),
        (
            "a wildcard",
            of_root(issued(&named("*.hook.example"))),
            "www.hook.example",
            answered(200),
        ),
        (
            "its own, trusted",
            own(Identity::of_its_own(&named(NAME))),
            NAME,
            answered(200),
        ),
        (
            "its own, an authority's, trusted",
            own(authority_named(|_| {})),
            NAME,
            answered(200),
        ),
        (
            "its own, an authority's, for another name",
            own(authority_named(|parameters| {
                parameters.subject_alt_names = named("other.example").subject_alt_names;
            })),
            NAME,
            refused(TlsFailure::NameMismatch),
        ),
        (
            "its own, an authority's, expired",
            own(authority_named(|parameters| {
                parameters.not_after = date_time_ymd(2020, 1, 1)
            })),
            NAME,
            refused(TlsFailure::Expired),
        ),
        (
            "its own, an authority's, not yet valid",
            own(authority_named(|parameters| {
                parameters.not_before = date_time_ymd(2100, 1, 1)
            })),
            NAME,
            refused(TlsFailure::NotYetValid),
        ),
        (
            "its own, an authority's, not for servers",
            own(authority_named(|parameters| {
                parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            })),
            NAME,
            refused(TlsFailure::WrongUsage),
        ),
        (
            "its own, an authority's, not trusted",
            (authority_named(|_| {}), trusting(&root)),
            NAME,
            refused(TlsFailure::UnknownIssuer {
                sent_one_alone: false,
            }),
        ),
        (
            "expired",
            of_root(issued(&changed(|parameters| {
                parameters.not_after = year(2020, 1, 1)
            }))),
            NAME,
            refused(TlsFailure::Expired),
        ),
        (
            "not yet valid",
            of_root(issued(&changed(|parameters| {
                parameters.not_before = year(2100, 1, 1)
            }))),
            NAME,
            refused(TlsFailure::NotYetValid),
        ),
        (
            "another name",
            of_root(issued(&named("other.example"))),
            NAME,
            refused(TlsFailure::NameMismatch),
        ),
        (
            "another address",
            of_root(issued(&named("127.0.0.2"))),
            "127.0.0.1",
            refused(TlsFailure::NameMismatch),
        ),
        (
            "an unknown issuer",
            (good(), trusting(&elsewhere)),
            NAME,
            unknown_issuer(false),
        ),
        (
            "nobody trusted",
            (good(), Vec::new()),
            NAME,
            unknown_issuer(false),
        ),
        (
            "an intermediate that is missing",
            of_root(Identity::issued(
                &named(NAME),
                KeyPair::generate().unwrap(),
                &between,
            )),
            NAME,
            unknown_issuer(true),
        ),
        (
            "not for servers",
            of_root(issued(&client_only)),
            NAME,
            refused(TlsFailure::WrongUsage),
        ),
    ] {
        let address = receiver(&identity, Speaks::default()).await;
        let sender = sender_of(trusted, None);
        assert_eq!(outcome_at(&sender, host, address).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_given_where_there_is_one_and_its_want_is_told() {
    let (root, _) = authorities("root");
    let (elsewhere, _) = authorities("another root");
    let server = Identity::issued(&named(NAME), KeyPair::generate().unwrap(), &root);
    let client_of = |issuer: &Authority| {
        let key = KeyPair::generate().unwrap();
        let certificate = named("client.example").signed_by(&key, issuer).unwrap();
        ClientIdentity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    };
    for only in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let speaks = || Speaks {
            only: Some(only),
            demands: Some(trusting(&root)),
        };
        let address = receiver(&server, speaks()).await;
        for _ in 0..5 {
            // In TLS 1.3 it is judged after the handshake.
            let sender = sender_of(trusting(&root), None);
            let outcome = outcome_at(&sender, NAME, address).await;
            assert_eq!(
                outcome,
                refused(TlsFailure::ClientCertificateRequired),
                "{only:?}"
            );
        }
        let sender = sender_of(trusting(&root), Some(client_of(&root)));
        for _ in 0..3 {
            assert_eq!(
                outcome_at(&sender, NAME, address).await,
                answered(200),
                "{only:?}"
            );
        }
        let sender = sender_of(trusting(&root), Some(client_of(&elsewhere)));
        let outcome = outcome_at(&sender, NAME, address).await;
        assert!(
            matches!(outcome, AttemptOutcome::Failed { .. }),
            "{only:?}: {outcome:?}"
        );
        // Where none is demanded it does no harm.
        let sender = sender_of(trusting(&root), Some(client_of(&root)));
        let open = receiver(&server, Speaks::default()).await;
        assert_eq!(outcome_at(&sender, NAME, open).await, answered(200));
    }
}

#[tokio::test]
async fn each_version_that_is_safe_is_spoken_and_no_other() {
    let (root, _) = authorities("root");
    let server = Identity::issued(&named(NAME), KeyPair::generate().unwrap(), &root);
    for only in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let speaks = Speaks {
            only: Some(only),
            demands: None,
        };
        let address = receiver(&server, speaks).await;
        let sender = sender_of(trusting(&root), None);
        assert_eq!(
            outcome_at(&sender, NAME, address).await,
            answered(200),
            "{only:?}"
        );
    }
    // What a server of TLS 1.1 alone says: that it does not speak what it is offered.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(&[21, 3, 2, 0, 2, 2, 70]).await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let sender = sender_of(trusting(&root), None);
    assert_eq!(
        outcome_at(&sender, NAME, address).await,
        refused(TlsFailure::Version)
    );
}

/// A connection after the first one goes on with its session: neither certificate is looked at again.
#[tokio::test]
async fn a_later_connection_goes_on_with_an_earlier_session() {
    let (root, _) = authorities("root");
    let server = Identity::issued(&named(NAME), KeyPair::generate().unwrap(), &root);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(server.chain.clone(), server.der_key())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let kinds = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = kinds.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            noted
                .lock()
                .unwrap()
                .push(stream.get_ref().1.handshake_kind().unwrap());
            tokio::spawn(converse(stream, OK, Arc::default()));
        }
    });
    let sender = sender_of(trusting(&root), None);
    for _ in 0..3 {
        let mut parcel = parcel(&format!("https://{NAME}:{}/", address.port())).unwrap();
        // On a connection of its own.
        parcel.is_probe = true;
        assert_eq!(sender.send(parcel).await.outcome, answered(200));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    use rustls::HandshakeKind::{Full, Resumed};
    assert_eq!(*kinds.lock().unwrap(), [Full, Resumed, Resumed]);
}

#[test]
fn what_is_no_certificate_or_no_key_is_said_to_be_so() {
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = named(NAME).self_signed(&key).unwrap().pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let identity =
        |certificate: &str, key: &str| ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes());
    assert!(identity(&certificate, &key.serialize_pem()).is_ok());
    for (certificate, key, problem) in [
        ("", key.serialize_pem(), UnusablePem::NoCertificate),
        (broken, key.serialize_pem(), UnusablePem::Certificate),
        (&certificate, String::new(), UnusablePem::Key),
        (&certificate, certificate.clone(), UnusablePem::Key),
        (&certificate, other.serialize_pem(), UnusablePem::NotItsKey),
    ] {
        assert_eq!(identity(certificate, &key).err(), Some(problem));
    }
    let roots = || Roots::of(Vec::new());
    assert!(roots().and(certificate.as_bytes()).is_ok());
    assert_eq!(roots().and(b"").err(), Some(UnusablePem::NoCertificate));
    assert_eq!(
        roots().and(broken.as_bytes()).err(),
        Some(UnusablePem::Certificate)
    );
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_to_a_receiver_that_speaks_no_tls() {
    let receiver = Receiver::answering(OK).await;
    let url = receiver.url("127.0.0.1").replace("http:", "https:");
    assert_eq!(send(&sender(), &url).await, failed(FailureCause::Timeout));
    assert_eq!(receiver.got(), Vec::<String>::new());
}
