//! Receivers that speak TLS, and senders to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;
use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause, TlsFailure};
use webhook_domain::ports::Sender as _;
use webhook_domain::testing::ManualClock;
use webhook_sender_hyper::{ClientIdentity, HyperSender, Roots, SenderLimits};
use webhook_test_tls::{Identity, Speaks, server};

use crate::fixtures::*;

pub(crate) const NAME: &str = "hook.example";

pub(crate) async fn receiver(identity: &Identity, speaks: Speaks) -> SocketAddr {
    let acceptor = tokio_rustls::TlsAcceptor::from(server(identity, speaks));
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

pub(crate) fn sender_of(
    trusted: Vec<CertificateDer<'static>>,
    identity: Option<ClientIdentity>,
) -> HyperSender {
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

pub(crate) async fn outcome_at(sender: &HyperSender, host: &str, address: SocketAddr) -> AttemptOutcome {
    let url = format!("https://{host}:{}/", address.port());
    sender.send(parcel(&url).unwrap()).await.unwrap().outcome
}

pub(crate) const fn refused(failure: TlsFailure) -> AttemptOutcome {
    AttemptOutcome::failed(FailureCause::Tls(failure))
}
