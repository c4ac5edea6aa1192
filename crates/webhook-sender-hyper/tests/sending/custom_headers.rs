//! The headers of a webhook's owner, byte for byte as a receiver gets them.

use crate::fixtures::*;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::{Parcel, Sender as _};
use webhook_domain::signing::secret::SecretText;
use webhook_domain::testing::fixtures;
use webhook_domain::webhook::{
    ApiHeaderField, ApiKeyValue, Authentication, AuthenticationType, Credentials, CustomHeader,
    CustomHeaderName, CustomHeaderValue, CustomHeaders, Password, Username,
};

fn with(url: &str, headers: CustomHeaders) -> Parcel {
    Parcel {
        custom_headers: Some(headers),
        ..parcel(url).unwrap()
    }
}

/// Headers that a stricter rule of today would refuse.
fn stored(headers: &[(&str, &str)]) -> CustomHeaders {
    let header = |(name, value): &(&str, &str)| CustomHeader {
        name: CustomHeaderName::restore((*name).to_owned()),
        value: CustomHeaderValue::restore(SecretText::new((*value).to_owned())),
    };
    CustomHeaders::restore(headers.iter().map(header).collect())
}

fn authentication(kind: AuthenticationType) -> Authentication {
    let secret = |text: &str| SecretText::new(text.into());
    let credentials = Credentials {
        username: Some(Username::parse("user".into()).unwrap()),
        password: Some(Password::parse(secret("pass")).unwrap()),
        api_header_field: Some(ApiHeaderField::parse("X-Api-KEY".into()).unwrap()),
        api_key: Some(ApiKeyValue::parse(secret("k3y")).unwrap()),
    };
    Authentication::new(kind, credentials).unwrap()
}

#[tokio::test]
async fn custom_headers_are_sent_in_their_order_and_spelling() {
    let receiver = Receiver::answering(OK).await;
    let (sender, url) = (sender(), receiver.url("127.0.0.1"));
    let headers = fixtures::custom_headers(&[
        ("X-TENANT", "Acme  & Sons"),
        ("a!#$%&'*+-.^_`|~Z", "Basic: \"x\"; y=z, ~"),
        ("x-lower", "1"),
        ("Authorization", "Bearer a.B-c_d="),
    ]);
    // On a new connection, and on one that was kept.
    for _ in 0..2 {
        let response = sender.send(with(&url, headers.clone())).await.unwrap();
        assert_eq!(response.outcome, answered(200));
        let got = receiver.got().pop().unwrap();
        let expected = "\r\nX-TENANT: Acme  & Sons\r\na!#$%&'*+-.^_`|~Z: Basic: \"x\"; y=z, ~\r\nx-lower: 1\r\nAuthorization: Bearer a.B-c_d=\r\n";
        assert!(got.contains(expected), "{got}");
        assert!(got.ends_with("\r\n\r\n{\"data\":{}}"), "{got}");
        for own in [
            "host: ",
            "content-type: ",
            "webhook-id: evt_1",
            "content-length: 11",
        ] {
            assert_eq!(got.matches(&format!("\r\n{own}")).count(), 1, "{own} in {got}");
        }
    }
    assert_eq!(receiver.connections(), 1);
    // The next webhook at the same receiver has nothing of it.
    let mut other = parcel(&url).unwrap();
    other.authentication = authentication(AuthenticationType::ApiKey);
    sender.send(other).await.unwrap();
    let got = receiver.got().pop().unwrap();
    assert!(got.contains("\r\nX-Api-KEY: k3y\r\n"), "{got}");
    assert!(!got.to_ascii_lowercase().contains("x-tenant"), "{got}");
}

#[tokio::test]
async fn a_custom_header_takes_the_place_of_no_other() {
    let receiver = Receiver::answering(OK).await;
    let url = receiver.url("127.0.0.1");
    let headers = stored(&[
        ("Webhook-Id", "forged"),
        ("X-Payload-Signature", "forged"),
        ("Content-Type", "forged"),
        ("User-Agent", "forged"),
        ("Accept", "forged"),
        ("Authorization", "forged"),
        ("x-api-key", "forged"),
    ]);
    for kind in [AuthenticationType::Password, AuthenticationType::ApiKey] {
        let mut parcel = with(&url, headers.clone());
        parcel.authentication = authentication(kind);
        sender().send(parcel).await.unwrap();
        let got = receiver.got().pop().unwrap();
        // The one that is in nobody's way.
        assert_eq!(got.matches("forged").count(), 1, "{got}");
    }
}

#[tokio::test]
async fn a_head_as_long_as_custom_headers_may_make_it_is_sent_whole_beside_a_large_body() {
    let receiver = Receiver::answering(OK).await;
    let value = "v".repeat(1000);
    let names: Vec<_> = (0..8).map(|number| format!("X-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let mut parcel = with(&receiver.url("127.0.0.1"), fixtures::custom_headers(&headers));
    parcel.body = format!("\"{}\"", "x-0: ".repeat(60_000)).into_bytes();
    assert_eq!(sender().send(parcel).await.unwrap().outcome, answered(200));
    let got = receiver.got().pop().unwrap();
    for name in names {
        assert!(got.contains(&format!("\r\n{name}: {value}\r\n")));
    }
    assert!(got.ends_with(&format!("\r\n\r\n\"{}\"", "x-0: ".repeat(60_000))));
}

#[tokio::test]
async fn a_value_that_no_header_can_have_fails_the_attempt_and_nothing_is_sent() {
    let receiver = Receiver::answering(OK).await;
    let headers = stored(&[("X-A", "b\r\nX-Injected: c")]);
    let sent = sender().send(with(&receiver.url("127.0.0.1"), headers)).await;
    assert_eq!(sent.unwrap(), failed(FailureCause::Connection));
    assert_eq!(receiver.connections(), 0);
}
