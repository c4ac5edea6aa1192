//! Connections that are kept for the next request, and for how long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::sleep;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::Sender as _;
use webhook_sender_hyper::SenderLimits;

use crate::fixtures::{OK, answered, failed, parcel};
use crate::scripted::Act::{End, Hang, Read, Wait};
use crate::scripted::{Scripted, say, sender, sender_with};

#[tokio::test]
async fn all_that_were_kept_may_be_dead() {
    // The first five connections end when their second request comes.
    let dying = vec![Read, Wait(50), say(OK), Read, End];
    let mut connections = vec![dying; 5];
    connections.push(vec![Read, say(OK), Read, say(OK), Hang]);
    let receiver = Scripted::start(connections).await;
    let sender = Arc::new(sender());
    let url = format!("http://{}/", receiver.address);
    let five = (0..5).map(|_| {
        let (sender, parcel) = (sender.clone(), parcel(&url).unwrap());
        tokio::spawn(async move { sender.send(parcel).await.unwrap() })
    });
    for sent in five.collect::<Vec<_>>() {
        assert_eq!(sent.await.unwrap().outcome, answered(200));
    }
    sleep(Duration::from_millis(20)).await;
    assert_eq!(
        sender.send(parcel(&url).unwrap()).await.unwrap().outcome,
        answered(200)
    );
    assert_eq!(Scripted::count(&receiver.made), 6);
}

#[tokio::test]
async fn a_probe_is_sent_once_on_a_connection_of_its_own() {
    let ending = vec![Read, say(OK), Read, End];
    let receiver = Scripted::start(vec![ending]).await;
    let sender = sender();
    let url = format!("http://{}/", receiver.address);
    let probe = || {
        let mut probe = parcel(&url).unwrap();
        probe.is_probe = true;
        probe
    };
    assert_eq!(
        sender.send(parcel(&url).unwrap()).await.unwrap().outcome,
        answered(200)
    );
    assert_eq!(sender.send(probe()).await.unwrap().outcome, answered(200));
    assert_eq!(sender.send(probe()).await.unwrap().outcome, answered(200));
    assert_eq!(
        (Scripted::count(&receiver.made), Scripted::count(&receiver.read)),
        (3, 3)
    );
}

/// An attempt may take a minute here: a test that waits for that has failed.
#[tokio::test]
async fn a_parcel_may_say_that_it_has_less_time_and_not_that_it_has_more() {
    let receiver = Scripted::start(vec![vec![Read, Hang]]).await;
    let url = format!("http://{}/", receiver.address);
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
    for (attempt, within) in [(long, short), (short, long)] {
        let sender = sender_with(|limits| limits.attempt_timeout = attempt);
        let mut parcel = parcel(&url).unwrap();
        parcel.within = Some(within);
        let sent = tokio::time::timeout(Duration::from_secs(30), sender.send(parcel));
        let response = sent.await.expect("it ends by the shorter time").unwrap();
        assert_eq!(response, failed(FailureCause::Timeout));
    }
}

#[tokio::test]
async fn a_connection_is_idle_only_for_a_while_and_used_only_for_a_while() {
    let ok = vec![vec![Read, say(OK)]; 30].concat();
    for (change, pause, sent, made) in [
        // Idle for too long.
        (
            (|limits| limits.idle_timeout = Duration::from_millis(50)) as fn(&mut SenderLimits),
            80,
            3,
            3,
        ),
        // Never idle for long, but used for too long.
        (
            |limits| limits.max_connection_age = Duration::from_millis(110),
            20,
            10,
            2,
        ),
        (|_| {}, 20, 10, 1),
    ] {
        let receiver = Scripted::start(vec![ok.clone()]).await;
        let sender = sender_with(change);
        let url = format!("http://{}/", receiver.address);
        for _ in 0..sent {
            assert_eq!(
                sender.send(parcel(&url).unwrap()).await.unwrap().outcome,
                answered(200)
            );
            sleep(Duration::from_millis(pause)).await;
        }
        assert!(
            (made..=made + 1).contains(&Scripted::count(&receiver.made)),
            "{} instead of {made}",
            Scripted::count(&receiver.made)
        );
    }
}

/// Whoever is idle for too long hears of it without anybody asking for the connection.
#[tokio::test]
async fn idle_connections_are_closed() {
    let ended = Arc::new(Mutex::new(None));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let noted = ended.clone();
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream.write_all(OK.as_bytes()).await.unwrap();
        while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
        *noted.lock().unwrap() = Some(());
    });
    let sender = sender_with(|limits| limits.idle_timeout = Duration::from_millis(40));
    let url = format!("http://{address}/");
    assert_eq!(
        sender.send(parcel(&url).unwrap()).await.unwrap().outcome,
        answered(200)
    );
    tokio::time::timeout(Duration::from_secs(5), receiver)
        .await
        .unwrap()
        .unwrap();
    assert!(ended.lock().unwrap().is_some());
}
