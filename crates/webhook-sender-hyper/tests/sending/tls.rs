//! Receivers with certificates.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::house::*;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use webhook_domain::attempt::{AttemptOutcome, FailureCause, TlsFailure};

/// A certificate, its key, and whom to trust for it.
fn certificate(
    names: &[&str],
    valid: bool,
) -> (
    CertificateDer<'static>,
    PrivateKeyDer<'static>,
    Vec<CertificateDer<'static>>,
) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters =
        rcgen::CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    if !valid {
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let certificate = parameters.self_signed(&key).unwrap().der().clone();
    let roots = vec![certificate.clone()];
    (
        certificate,
        PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        roots,
    )
}

async fn encrypted_receiver(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
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

#[tokio::test]
async fn a_receivers_certificate_must_be_its_own_in_force_and_trusted() {
    let policy = || allowing(&["127.0.0.0/8"]);
    let names = || Names::saying(&[&["127.0.0.1"]]);
    for (of, valid, trusted, expected) in [
        ("hook.example", true, true, answered(200)),
        (
            "other.example",
            true,
            true,
            not_encrypted(TlsFailure::NameMismatch),
        ),
        ("hook.example", false, true, not_encrypted(TlsFailure::Expired)),
        (
            "hook.example",
            true,
            false,
            not_encrypted(TlsFailure::UnknownIssuer {
                sent_one_alone: false,
            }),
        ),
    ] {
        let (certificate, key, roots) = certificate(&[of], valid);
        let address = encrypted_receiver(certificate, key).await;
        let roots = if trusted { roots } else { Vec::new() };
        let sender = sender_with(policy(), names(), roots);
        let url = format!("https://hook.example:{}/", address.port());
        assert_eq!(
            send(&sender, &url).await.outcome,
            expected,
            "{of} {valid} {trusted}"
        );
    }
}

const fn not_encrypted(failure: TlsFailure) -> AttemptOutcome {
    AttemptOutcome::failed(FailureCause::Tls(failure))
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_to_a_receiver_that_speaks_no_tls() {
    let receiver = Receiver::answering(OK).await;
    let url = receiver.url("127.0.0.1").replace("http:", "https:");
    assert_eq!(send(&sender(), &url).await, failed(FailureCause::Timeout));
    assert_eq!(receiver.got(), Vec::<String>::new());
}
