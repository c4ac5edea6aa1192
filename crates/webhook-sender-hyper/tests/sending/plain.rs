//! What is sent, and what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::fixtures::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::Sender as _;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{
    ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType, Credentials, Password, Username,
};

#[tokio::test]
async fn a_delivery_is_a_post_with_its_body_and_headers() {
    let receiver = Receiver::answering(OK).await;
    let response = send(&sender(), &receiver.url("127.0.0.1")).await;
    assert_eq!(response.outcome, answered(200));
    let got = receiver.got().remove(0).to_ascii_lowercase();
    assert!(got.starts_with("post /hook?a=b http/1.1\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\n{\"data\":{}}"), "{got}");
    for header in [
        "content-type: application/json",
        "webhook-id: evt_1",
        "x-payload-signature: v1=ab",
        "user-agent: webhook-server/",
        "content-length: 11",
        &format!("host: {}", receiver.address),
    ] {
        assert!(got.contains(&format!("\r\n{header}")), "{header} in {got}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = Receiver::answering(OK).await;
    let sender = sender();
    for _ in 0..5 {
        assert_eq!(
            send(&sender, &receiver.url("127.0.0.1")).await.outcome,
            answered(200)
        );
    }
    assert_eq!((receiver.connections(), receiver.got().len()), (1, 5));
}

#[tokio::test]
async fn the_service_proves_itself_as_the_webhook_says() {
    let receiver = Receiver::answering(OK).await;
    let secret = |text: &str| SecretText::new(text.into());
    let credentials = |field: &str| Credentials {
        username: Some(Username::parse("user".into()).unwrap()),
        password: Some(Password::parse(secret("pass:word")).unwrap()),
        api_header_field: Some(ApiHeaderField::parse(field.into()).unwrap()),
        api_key: Some(ApiKeyValue::parse(secret("k3y")).unwrap()),
    };
    for (kind, header) in [
        (
            AuthenticationType::Password,
            "authorization: basic dxnlcjpwyxnzondvcmq=",
        ),
        (AuthenticationType::ApiKey, "x-key: k3y"),
    ] {
        let mut parcel = parcel(&receiver.url("127.0.0.1")).unwrap();
        parcel.authentication = Authentication::new(kind, credentials("X-Key")).unwrap();
        sender().send(parcel).await.unwrap();
        let got = receiver.got().pop().unwrap().to_ascii_lowercase();
        assert!(got.contains(&format!("\r\n{header}\r\n")), "{got}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let elsewhere = Receiver::on("127.0.0.1:0", OK).await;
    let location = format!(
        "HTTP/1.1 307 Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url("127.0.0.1")
    );
    let receiver = Receiver::answering(Box::leak(location.into_boxed_str())).await;
    assert_eq!(
        send(&sender(), &receiver.url("127.0.0.1")).await.outcome,
        answered(307)
    );
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_wish_to_be_asked_later_is_read() {
    let receiver =
        Receiver::answering("HTTP/1.1 503 Later\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n").await;
    let response = send(&sender(), &receiver.url("127.0.0.1")).await;
    assert_eq!(
        (response.outcome, response.retry_after),
        (answered(503), Some(Duration::from_secs(120)))
    );
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_has_failed() {
    let sender = sender();
    for answer in ["", "HTTP/1.1 200 OK\r\n"] {
        let receiver = Receiver::answering(answer).await;
        let response = send(&sender, &receiver.url("127.0.0.1")).await;
        assert_eq!(response, failed(FailureCause::Timeout), "{answer:?}");
    }
}

#[tokio::test]
async fn no_more_of_an_answer_is_read_than_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let counted = written.clone();
    let endless = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            counted.fetch_add(0x1000, Ordering::SeqCst);
        }
    });
    let response = send(&sender(), &format!("http://{address}/")).await;
    assert_eq!(response.outcome, answered(200));
    tokio::time::timeout(Duration::from_secs(5), endless)
        .await
        .unwrap()
        .unwrap();
    assert!(
        written.load(Ordering::SeqCst) < 32 << 20,
        "what the kernel took, and no more"
    );
}

#[tokio::test]
async fn what_is_not_http_has_failed() {
    let receiver = Receiver::answering("SSH-2.0-OpenSSH\r\n").await;
    assert_eq!(
        send(&sender(), &receiver.url("127.0.0.1")).await,
        failed(FailureCause::MalformedAnswer)
    );
}

#[tokio::test]
async fn where_nobody_listens_the_connection_has_failed() {
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(
        send(&sender(), &format!("http://{address}/")).await,
        failed(FailureCause::Connection)
    );
}
