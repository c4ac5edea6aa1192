//! A receiver on actix-web.
//!
//! ```text
//! WEBHOOK_SECRETS='whsec_… whsec_…' cargo run -p webhook-verify --example actix_web
//! ```

#![expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]

use std::error::Error;
use std::time::SystemTime;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use webhook_verify::{RECEIPT, Verifier};

/// The longest body that is taken. actix-web takes 256 KiB unless told otherwise, and a delivery may be a little longer.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Takes a delivery. `Bytes` is the body as it came in; `Json` would have parsed it already.
async fn receive(request: HttpRequest, body: web::Bytes, verifier: web::Data<Verifier>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    match verifier.verify(header, &body, SystemTime::now()) {
        Ok(verified) => {
            // A receiver that has seen this id before does nothing more. Otherwise it stores the event and handles it later.
            println!("{}: {} bytes", verified.id.unwrap_or("no id"), body.len());
            let mut response = HttpResponse::NoContent();
            // It also tells the sender which secret it verifies with.
            if let Some(receipt) = verifier.receipt(&verified) {
                response.insert_header((RECEIPT, receipt));
            }
            response.finish()
        }
        Err(error) => {
            eprintln!("refused a delivery: {error}");
            HttpResponse::Unauthorized().finish()
        }
    }
}

fn paths(paths: &mut web::ServiceConfig) {
    paths
        .app_data(web::PayloadConfig::new(MAX_BODY_BYTES))
        .route("/webhooks", web::post().to(receive));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The current secret, and during a roll the previous one as well.
    let secrets = std::env::var("WEBHOOK_SECRETS")?;
    let verifier = web::Data::new(Verifier::from_keys(secrets.split_whitespace())?);
    HttpServer::new(move || App::new().app_data(verifier.clone()).configure(paths))
        .bind("127.0.0.1:3000")?
        .run()
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use webhook_verify::{
        Key, MESSAGE_ID, MESSAGE_SIGNATURE, MESSAGE_TIMESTAMP, PAYLOAD_SIGNATURE, PAYLOAD_TIMESTAMP, Secret,
    };

    use super::*;

    #[actix_web::test]
    async fn a_signed_delivery_is_taken_with_a_receipt_however_long_and_a_changed_one_refused() {
        let secret = Secret::from_bytes(&[7; 32]).unwrap();
        let verifier = web::Data::new(Verifier::new(Key::Hmac(secret.clone())));
        let app = init_service(App::new().app_data(verifier).configure(paths)).await;
        let seconds = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let timestamp = seconds.to_string();
        let body = vec![b' '; 300 * 1024];
        let receipt = secret.sign_receipt("evt_1", &timestamp);
        for (sent, expected, receipt) in [
            (body.clone(), StatusCode::NO_CONTENT, Some(receipt.as_bytes())),
            (vec![b'x'], StatusCode::UNAUTHORIZED, None),
        ] {
            let request = TestRequest::post()
                .uri("/webhooks")
                .insert_header((MESSAGE_ID, "evt_1"))
                .insert_header((MESSAGE_TIMESTAMP, timestamp.as_str()))
                .insert_header((MESSAGE_SIGNATURE, secret.sign_message("evt_1", &timestamp, &body)))
                .set_payload(sent);
            let response = call_service(&app, request.to_request()).await;
            let given = response.headers().get(RECEIPT).map(|value| value.as_bytes());
            assert_eq!((response.status(), given), (expected, receipt));
        }
    }

    #[actix_web::test]
    async fn an_old_delivery_is_refused() {
        let secret = Secret::from_bytes(&[7; 32]).unwrap();
        let verifier = web::Data::new(Verifier::new(Key::Hmac(secret.clone())));
        let app = init_service(App::new().app_data(verifier).configure(paths)).await;
        let timestamp = "2024-04-12T15:22:37Z";
        let request = TestRequest::post()
            .uri("/webhooks")
            .insert_header((PAYLOAD_TIMESTAMP, timestamp))
            .insert_header((PAYLOAD_SIGNATURE, secret.sign_payload(timestamp, b"{}")))
            .set_payload("{}");
        let status = call_service(&app, request.to_request()).await.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}
