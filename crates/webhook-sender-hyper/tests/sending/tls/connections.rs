//! Connections over TLS: client certificates, versions, sessions that are resumed, and what cannot be read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::KeyPair;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, TlsFailure};
use webhook_domain::ports::Sender as _;
use webhook_sender_hyper::{ClientIdentity, Roots, UnusablePem};
use webhook_test_tls::{Authority, Identity, Speaks, authorities, before_tls_1_2, named, server, trusting};

use super::receivers::{NAME, outcome_at, receiver, refused, sender_of};
use crate::fixtures::*;

#[tokio::test]
async fn a_client_certificate_is_given_where_there_is_one_and_its_want_is_told() {
    let (root, _) = authorities("root");
    let (elsewhere, _) = authorities("another root");
    let server = Identity::issued(&named(NAME), &root);
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
    let server = Identity::issued(&named(NAME), &root);
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
    for too_old in [
        before_tls_1_2::PROTOCOL_VERSION.to_vec(),
        before_tls_1_2::server_hello(),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            stream.write_all(&too_old).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
        });
        let sender = sender_of(trusting(&root), None);
        assert_eq!(
            outcome_at(&sender, NAME, address).await,
            refused(TlsFailure::Version)
        );
    }
}

/// A connection after the first one goes on with its session: neither certificate is looked at again.
#[tokio::test]
async fn a_later_connection_goes_on_with_an_earlier_session() {
    let (root, _) = authorities("root");
    let identity = Identity::issued(&named(NAME), &root);
    let acceptor = tokio_rustls::TlsAcceptor::from(server(&identity, Speaks::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let kinds = Arc::new(Mutex::new(Vec::new()));
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
        assert_eq!(sender.send(parcel).await.unwrap().outcome, answered(200));
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
