//! Deliveries through an egress proxy: what it is asked, and what comes of each answer of it.

mod proxy;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::{Sender as _, Shortage};

use crate::fixtures::*;

use self::proxy::*;

#[tokio::test]
async fn a_proxy_is_asked_for_the_address_that_was_judged() {
    let receiver = Receiver::answering(OK).await;
    for (manners, scheme) in [(http(CONNECTED), "http"), (socks(0), "socks5")] {
        for addresses in [PUBLIC, &["2606:4700::1111"]] {
            let proxy = Proxy::start(manners.clone(), receiver.address).await;
            let sender = sender_through(&format!("{scheme}://{}", proxy.address), false, &[addresses]);
            let response = send(&sender, "http://receiver.example:8080/hook").await;
            assert_eq!(response.outcome, answered(200), "{scheme}");
            let asked = proxy.asked();
            assert_eq!(asked.len(), 1, "{asked:?}");
            assert!(
                asked[0].contains(addresses[0]) && asked[0].contains("8080"),
                "{asked:?}"
            );
            assert!(!asked[0].contains("receiver.example"), "{asked:?}");
            let got = receiver.got();
            let request = got.last().unwrap().to_ascii_lowercase();
            assert!(request.contains("host: receiver.example:8080"), "{request}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_resolves_is_asked_for_the_name_and_addresses_in_urls_are_judged_still() {
    let receiver = Receiver::answering(OK).await;
    for (manners, scheme, expected) in [
        (
            http(CONNECTED),
            "http",
            "CONNECT receiver.example:8080 HTTP/1.1\r\n",
        ),
        (socks(0), "socks5", "receiver.example 8080"),
    ] {
        let proxy = Proxy::start(manners, receiver.address).await;
        let sender = sender_through(&format!("{scheme}://{}", proxy.address), true, &[]);
        let response = send(&sender, "http://receiver.example:8080/hook").await;
        assert_eq!(response.outcome, answered(200), "{scheme}");
        for forbidden in ["10.1.2.3", "127.0.0.1", "[::1]", "169.254.169.254", "0x7f.1"] {
            let response = send(&sender, &format!("http://{forbidden}:8080/hook")).await;
            assert_eq!(response, failed(FailureCause::ForbiddenAddress), "{forbidden}");
        }
        let asked = proxy.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(asked[0].starts_with(expected), "{asked:?}");
    }
}

#[tokio::test]
async fn a_proxy_is_never_asked_for_an_address_that_is_forbidden() {
    let receiver = Receiver::answering(OK).await;
    let proxy = Proxy::start(http(CONNECTED), receiver.address).await;
    let names: &[&[&str]] = &[&["10.0.0.1"], &["127.0.0.1", "93.184.216.34"]];
    let sender = sender_through(&format!("http://{}", proxy.address), false, names);
    let response = send(&sender, "http://receiver.example/hook").await;
    assert_eq!(response, failed(FailureCause::ForbiddenAddress));
    assert!(proxy.asked().is_empty());
    let response = send(&sender, "http://receiver.example/hook").await;
    assert_eq!(response.outcome, answered(200));
    assert_eq!(proxy.asked().len(), 1);
    assert!(proxy.asked()[0].contains("93.184.216.34"), "{:?}", proxy.asked());
}

#[tokio::test]
async fn credentials_are_given_to_a_proxy_that_wants_them() {
    let receiver = Receiver::answering(OK).await;
    let proxy = Proxy::start(http(CONNECTED), receiver.address).await;
    let sender = sender_through(&format!("http://user:pass@{}", proxy.address), false, &[PUBLIC]);
    assert_eq!(
        send(&sender, "http://receiver.example/").await.outcome,
        answered(200)
    );
    assert!(proxy.asked()[0].contains(CREDENTIALS), "{:?}", proxy.asked());

    let proxy = Proxy::start(
        socks_with(2, 0, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        receiver.address,
    )
    .await;
    let sender = sender_through(&format!("socks5://user:pass@{}", proxy.address), false, &[PUBLIC]);
    assert_eq!(
        send(&sender, "http://receiver.example/").await.outcome,
        answered(200)
    );
    assert_eq!(proxy.asked(), ["user:pass 93.184.216.34 80"]);
    for request in receiver.got() {
        assert!(
            !request.contains("Proxy-Authorization"),
            "the receiver sees none of it: {request}"
        );
    }
}

#[tokio::test]
async fn a_connection_through_a_proxy_is_kept_and_used_again() {
    let receiver = Receiver::answering(OK).await;
    let proxy = Proxy::start(socks(0), receiver.address).await;
    let sender = sender_through(&format!("socks5://{}", proxy.address), false, &[PUBLIC]);
    for _ in 0..5 {
        assert_eq!(
            send(&sender, "http://receiver.example/").await.outcome,
            answered(200)
        );
    }
    assert_eq!((proxy.asked().len(), receiver.connections()), (1, 1));
}

#[tokio::test]
async fn tls_is_spoken_with_the_receiver_by_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(http(CONNECTED), listener.local_addr().unwrap()).await;
    let sender = sender_through(&format!("http://{}", proxy.address), false, &[PUBLIC]);
    let sending = tokio::spawn(async move { send(&sender, "https://receiver.example/").await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut hello = vec![0; 4096];
    let count = stream.read(&mut hello).await.unwrap();
    let hello = &hello[..count];
    assert_eq!(hello[..2], [0x16, 3], "a handshake of TLS");
    let name = b"receiver.example";
    assert!(
        hello.windows(name.len()).any(|bytes| bytes == name),
        "SNI has the name"
    );
    drop(stream);
    assert!(matches!(
        sending.await.unwrap().outcome,
        webhook_domain::delivery::attempt::AttemptOutcome::Failed { .. }
    ));
    assert!(
        proxy.asked()[0].starts_with("CONNECT 93.184.216.34:443 "),
        "{:?}",
        proxy.asked()
    );
}

#[tokio::test]
async fn each_answer_of_a_proxy_says_whose_fault_it_is() {
    let (connection, rules) = (
        Ok(failed(FailureCause::Connection)),
        Ok(failed(FailureCause::EgressProxy)),
    );
    let own = Err(Shortage::EgressProxy);
    let receiver = Receiver::answering(OK).await;
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(20_000));
    let rows = [
        (http("HTTP/1.1 502 Bad Gateway\r\n\r\n"), connection.clone()),
        (
            http("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n"),
            connection.clone(),
        ),
        (http("HTTP/1.0 504 Gateway Timeout\r\n\r\n"), connection.clone()),
        (http("HTTP/1.1 403 Forbidden\r\n\r\n"), rules.clone()),
        (
            http("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"),
            own.clone(),
        ),
        (http("HTTP/1.1 405 Method Not Allowed\r\n\r\n"), own.clone()),
        (http("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"), own.clone()),
        (http("SSH-2.0-OpenSSH_9.2\r\n\r\n"), own.clone()),
        (http("HTTP/1.1 2x0 OK\r\n\r\n"), own.clone()),
        (
            http("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
            own.clone(),
        ),
        (http(&long), own.clone()),
        (http(""), own.clone()),
        (socks(1), connection.clone()),
        (socks(2), rules.clone()),
        (socks(3), connection.clone()),
        (socks(4), connection.clone()),
        (socks(5), connection.clone()),
        (socks(6), connection.clone()),
        (socks(7), own.clone()),
        (socks(8), own.clone()),
        (socks_with(0xFF, 0, &[]), own.clone()),
        (socks_with(1, 0, &[]), own.clone()),
        (socks_with(2, 1, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), own.clone()),
        (socks_with(0, 0, &[4, 0, 0, 1, 0, 0, 0, 0, 0, 0]), own.clone()),
        (socks_with(0, 0, &[5, 0, 0, 9, 0, 0, 0, 0, 0, 0]), own.clone()),
    ];
    for (number, (manners, expected)) in rows.into_iter().enumerate() {
        let scheme = match manners {
            Manners::Http(_) => "http",
            Manners::Socks { .. } => "socks5",
        };
        let proxy = Proxy::start(manners, receiver.address).await;
        let sender = sender_through(&format!("{scheme}://u:p@{}", proxy.address), false, &[PUBLIC]);
        let sent = sender.send(parcel("http://receiver.example/").unwrap()).await;
        assert_eq!(sent, expected, "row {number}");
    }
    assert!(receiver.got().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn what_comes_before_the_answer_and_odd_addresses_in_it_do_no_harm() {
    let receiver = Receiver::answering(OK).await;
    for (manners, scheme) in [
        (
            http("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            "http",
        ),
        (
            http("HTTP/1.0 200 OK\r\nX-A: b\r\nProxy-Agent: c\r\n\r\n"),
            "http",
        ),
        (
            socks_with(0, 0, &[[5, 0, 0, 4].as_slice(), &[0; 18]].concat()),
            "socks5",
        ),
        (
            socks_with(0, 0, &[[5, 0, 0, 3, 4].as_slice(), b"host", &[0; 2]].concat()),
            "socks5",
        ),
    ] {
        let proxy = Proxy::start(manners, receiver.address).await;
        let sender = sender_through(&format!("{scheme}://{}", proxy.address), false, &[PUBLIC]);
        assert_eq!(
            send(&sender, "http://receiver.example/").await.outcome,
            answered(200)
        );
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_the_receivers_fault() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let sender = sender_through(&format!("http://{nobody}"), false, &[PUBLIC]);
    let sent = sender.send(parcel("http://receiver.example/").unwrap()).await;
    assert_eq!(sent, Err(Shortage::EgressProxy));
    // Its own name is looked up as others are; this one is unknown.
    let sender = sender_through("socks5://proxy.example", true, &[]);
    let sent = sender.send(parcel("http://receiver.example/").unwrap()).await;
    assert_eq!(sent, Err(Shortage::EgressProxy));
}

#[tokio::test]
async fn a_second_address_is_asked_for_when_the_first_leads_nowhere() {
    let receiver = Receiver::answering(OK).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for reply in [5, 0] {
            let (mut client, _) = listener.accept().await.unwrap();
            socks_request(&mut client, 0, 0).await.unwrap();
            client
                .write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
                .await
                .unwrap();
            if reply == 0 {
                let mut there = TcpStream::connect(receiver.address).await.unwrap();
                copy_bidirectional(&mut client, &mut there).await.ok();
            }
        }
    });
    let names: &[&[&str]] = &[&["93.184.216.34", "93.184.216.35"]];
    let sender = sender_through(&format!("socks5://{address}"), false, names);
    assert_eq!(
        send(&sender, "http://receiver.example/").await.outcome,
        answered(200)
    );
}
