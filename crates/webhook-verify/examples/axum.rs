//! A receiver on axum.
//!
//! ```text
//! WEBHOOK_SECRETS='whsec_… whsec_…' cargo run -p webhook-verify --example axum
//! ```

#![expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use webhook_verify::{RECEIPT, Verifier};

/// Takes a delivery. `Bytes` is the body as it came in; `Json` would have parsed it already.
async fn receive(State(verifier): State<Arc<Verifier>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
    match verifier.verify(header, &body, SystemTime::now()) {
        Ok(verified) => {
            // A receiver that has seen this id before does nothing more. Otherwise it stores the event and handles it later.
            println!("{}: {} bytes", verified.id.unwrap_or("no id"), body.len());
            // It also tells the sender which secret it verifies with.
            let receipt = verifier.receipt(&verified).map(|receipt| [(RECEIPT, receipt)]);
            (receipt, StatusCode::NO_CONTENT).into_response()
        }
        Err(error) => {
            eprintln!("refused a delivery: {error}");
            StatusCode::UNAUTHORIZED.into_response()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The current secret, and during a roll the previous one as well.
    let secrets = std::env::var("WEBHOOK_SECRETS")?;
    let verifier = Verifier::from_keys(secrets.split_whitespace())?;
    let app = Router::new()
        .route("/webhooks", post(receive))
        .with_state(Arc::new(verifier));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use webhook_verify::{Key, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, Secret};

    use super::*;

    #[tokio::test]
    async fn a_signed_delivery_is_taken_with_a_receipt_and_a_changed_one_refused() {
        let secret = Secret::from_bytes(&[7; 32]).unwrap();
        let seconds = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let timestamp = seconds.to_string();
        let body = br#"{"type":"INVOICE.CREATED"}"#;
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (MESSAGE_ID, "evt_1"),
            (MESSAGE_TIMESTAMP, &timestamp),
            (MESSAGE_SIGNATURE, &secret.sign_message("evt_1", &timestamp, body)),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let expected = secret.sign_receipt("evt_1", &timestamp);
        let verifier = State(Arc::new(Verifier::new(Key::Hmac(secret))));
        let taken = receive(verifier.clone(), headers.clone(), Bytes::from_static(body)).await;
        assert_eq!(taken.status(), StatusCode::NO_CONTENT);
        assert_eq!(taken.headers()[RECEIPT], expected);
        let refused = receive(verifier, headers, Bytes::from_static(b"{}")).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(refused.headers().get(RECEIPT).is_none());
    }
}
