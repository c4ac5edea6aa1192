//! A front of three paths, served over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::net::TcpSocket;
use actix_web::{App, Error, HttpRequest, HttpResponse, web};
use webhook_domain::entropy::Entropy;
use webhook_domain::testing::SeededEntropy;
use webhook_front_actix::body::{self, BodyError};
use webhook_front_actix::request_id::{self, X_REQUEST_ID};
use webhook_front_actix::{Front, FrontLimits, Refusal, UnderWay, client_address, serve};

/// The longest body that `/echo` takes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

fn app(
    front: &Front,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let entropy = front.entropy.clone();
    App::new()
        .app_data(web::Data::new(front.limits.clone()))
        .route("/live", web::get().to(async || HttpResponse::Ok().body("alive")))
        .route("/echo", web::post().to(echo))
        .route("/client", web::get().to(client))
        .wrap(from_fn(move |request, next| {
            around(entropy.clone(), request, next)
        }))
}

async fn echo(request: HttpRequest, payload: web::Payload, limits: web::Data<FrontLimits>) -> HttpResponse {
    match body::read(&request, payload, MAX_BODY_BYTES, &limits).await {
        Ok(body) => HttpResponse::Ok().body(body),
        Err(BodyError::TooLong) => HttpResponse::PayloadTooLarge().force_close().body("too long"),
        Err(BodyError::TooSlow) => HttpResponse::RequestTimeout().force_close().body("too slow"),
        Err(BodyError::Broken) => HttpResponse::BadRequest().force_close().body("broken"),
    }
}

async fn client(request: HttpRequest, limits: web::Data<FrontLimits>) -> String {
    let client = client_address(&request, &limits.trusted_proxies);
    client.map(|client| client.to_string()).unwrap_or_default()
}

/// What a front must do around every request.
async fn around(
    entropy: Arc<dyn Entropy>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let under_way = UnderWay::begin(&request);
    let id = request_id::of(request.headers(), entropy.as_ref()).unwrap();
    let mut response = next.call(request).await?;
    under_way.answered(&mut response);
    let id = HeaderValue::from_str(id.as_str()).unwrap();
    response.headers_mut().insert(X_REQUEST_ID.clone(), id);
    Ok(response)
}

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        finished_or_sent(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Polls once: the command to stop is sent when the future is made.
pub(crate) fn finished_or_sent(future: impl Future<Output = ()>) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = std::pin::pin!(future).poll(&mut context);
}

/// A front under these limits.
pub(crate) fn served_with(limits: FrontLimits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let front = Front {
        certificate: None,
        limits,
        entropy: Arc::new(SeededEntropy::new(7)),
        refuse: |refusal| Refusal {
            content_type: "text/plain",
            body: format!("refused: {refusal:?}").into_bytes(),
        },
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let application = front.clone();
            let server = serve("front", listener, front, move || app(&application)).unwrap();
            sender.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    Served {
        address,
        handle: receiver.recv().unwrap(),
        thread: Some(thread),
    }
}

impl Served {
    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    /// Sends all at once and reads until the server closes.
    pub(crate) fn exchange(&self, request: &str) -> String {
        let mut socket = self.connect();
        socket.write_all(request.as_bytes()).unwrap();
        rest(&mut socket)
    }
}

pub(crate) fn rest(socket: &mut TcpStream) -> String {
    String::from_utf8(rest_bytes(socket)).unwrap()
}

pub(crate) fn rest_bytes(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset after the answer is an end, too.
    let _ = socket.read_to_end(&mut bytes);
    bytes
}

pub(crate) fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n")
}

/// The connection was told, in the front's words, and closed.
#[track_caller]
pub(crate) fn assert_refused(answer: &str, status: &str, refusal: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    assert!(answer.ends_with(&format!("refused: {refusal}")), "{answer}");
    assert!(answer.contains("\r\nx-request-id: reqr_"), "{answer}");
    assert!(answer.contains("\r\ncontent-type: text/plain\r\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

/// Writes `drops` one at a time until the server has had enough; says how long it took.
pub(crate) fn drip(socket: &mut TcpStream, first: &str, drop: &[u8]) -> (String, Duration) {
    let begun = Instant::now();
    socket.write_all(first.as_bytes()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while begun.elapsed() < Duration::from_secs(10) {
        if socket.write_all(drop).is_err() {
            break;
        }
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

/// A connection from `address`.
pub(crate) fn connected_from(address: &str, server: &Served) -> TcpStream {
    let socket = actix_web::rt::System::new().block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
        socket.connect(server.address).await.unwrap().into_std().unwrap()
    });
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}
