//! The receiver of a demo, as a customer of a platform would have one: it holds one key, verifies what comes with it, answers
//! 204 with a receipt to what is genuine and 401 to what is not, and knows nothing of rolls. Its key is changed by hand.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use webhook_domain::signing::secret::SecretText;
use webhook_domain::time::Clock as _;
use webhook_verify::{Key as VerifyingKey, MESSAGE_SIGNATURE, RECEIPT, Verifier};

use super::tally::{Book, Key};
use crate::clock::SystemClock;
use crate::exit::Failure;

/// A receiver that listens.
pub(super) struct Receiver {
    address: SocketAddr,
    desk: web::Data<Desk>,
    server: ServerHandle,
}

/// What a delivery is verified with, and where it is written down.
struct Desk {
    held: Mutex<Option<Held>>,
    book: Arc<Book>,
}

#[derive(Clone)]
struct Held {
    key: Key,
    verifier: Verifier,
}

impl Receiver {
    /// Listens on a free port of loopback, with no key yet.
    pub(super) fn start(book: Arc<Book>) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::cannot("start the receiver", &error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let held = Mutex::new(None);
        let desk = web::Data::new(Desk { held, book });
        let at = desk.clone();
        let app = move || {
            App::new()
                .app_data(at.clone())
                .route("/hook", web::post().to(take))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .listen(listener)
            .map_err(cannot)?
            .run();
        let handle = server.handle();
        rt::spawn(server);
        Ok(Self {
            address,
            desk,
            server: handle,
        })
    }

    /// Where deliveries go.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Puts `secret` in the place of the key it held.
    pub(super) fn hold(&self, key: Key, secret: &SecretText) -> Result<(), Failure> {
        let secret = VerifyingKey::parse(secret.expose())
            .map_err(|error| Failure::cannot("give the receiver its key", &error))?;
        let verifier = Verifier::new(secret);
        *self.desk.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Held { key, verifier });
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The order is given at once; that it was carried out, the end of the runtime waits for.
        drop(self.server.stop(false));
    }
}

async fn take(request: HttpRequest, body: web::Bytes, desk: web::Data<Desk>) -> HttpResponse {
    let held = desk.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let header = |name: &str| Some(request.headers().get(name)?.as_bytes());
    let genuine = held.and_then(|held| {
        let verified = held
            .verifier
            .verify(header, &body, SystemClock.now().into())
            .ok()?;
        Some((held.key, verified.id?, held.verifier.receipt(&verified)?))
    });
    let Some((key, event, receipt)) = genuine else {
        desk.book.rejected();
        return HttpResponse::Unauthorized().finish();
    };
    let signatures = header(MESSAGE_SIGNATURE).unwrap_or_default();
    let signatures = signatures.split(|byte| *byte == b' ').count();
    desk.book.verified(event, key, signatures);
    HttpResponse::NoContent()
        .insert_header((RECEIPT, receipt))
        .finish()
}
