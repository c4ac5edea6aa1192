//! The metrics' own address: a front beside the API's, so that no client of the API reaches it, and nobody who reads metrics takes
//! anything from clients.
//!
//! It has one thread and few connections. A client that is slow, silent or rude is timed like any client of the API, and makes
//! room for the next one.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, Service as _};
use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, rt, web};
use webhook_domain::entropy::Entropy;
use webhook_front_actix::request_id::{self, X_REQUEST_ID};
use webhook_front_actix::{BareRefusal, Front, FrontLimits, Refusal, UnderWay};
use webhook_http_actix::WriteMetrics;

use crate::exit::Failure;
use crate::settings::MetricsSettings;

/// How many connections there are at a time. A further one takes the place of the one that has waited longest.
pub(crate) const CONNECTIONS: usize = 16;
/// Where the metrics are.
const PATH: &str = "/metrics";

/// Takes the address that is set. None without one; and none where the default address is taken, which the log says: a second
/// process on a machine must be given another.
///
/// # Errors
/// When an address that somebody has set cannot be listened on.
pub(crate) fn bind(settings: MetricsSettings) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = settings.address else {
        return Ok(None);
    };
    match TcpListener::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if settings.is_default => {
            tracing::warn!(
                metrics.address = %address,
                error = %error,
                "this process has no metrics: the default address for them cannot be had; set WEBHOOK_METRICS_LISTEN"
            );
            Ok(None)
        }
        Err(error) => Err(Failure::cannot(
            &format!("listen on {address} for metrics"),
            &error,
        )),
    }
}

/// The listener, serving.
pub(crate) struct MetricsListener(ServerHandle);

impl MetricsListener {
    /// Serves what `write` writes.
    ///
    /// # Errors
    /// When the listener cannot be taken over.
    pub(crate) fn start(
        listener: TcpListener,
        write: WriteMetrics,
        entropy: Arc<dyn Entropy>,
    ) -> io::Result<(Self, SocketAddr)> {
        let address = listener.local_addr()?;
        let server = serve(listener, write, entropy)?;
        let handle = server.handle();
        rt::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error = %error, "metrics are not served any more");
            }
        });
        Ok((Self(handle), address))
    }

    /// Ends it, whoever reads.
    pub(crate) async fn stop(self) {
        self.0.stop(false).await;
    }
}

fn serve(listener: TcpListener, write: WriteMetrics, entropy: Arc<dyn Entropy>) -> io::Result<Server> {
    let front = Front {
        limits: FrontLimits {
            workers: 1,
            max_connections: CONNECTIONS,
            max_connections_of_one_address: CONNECTIONS,
            max_unfinished_head_bytes: 256 * 1024,
            write_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(1),
            ..FrontLimits::default()
        },
        entropy: Arc::clone(&entropy),
        refuse,
        certificate: None,
    };
    webhook_front_actix::serve("webhook-metrics", listener, front, move || {
        let (write, entropy) = (Arc::clone(&write), Arc::clone(&entropy));
        App::new()
            .app_data(web::Data::new(write))
            .service(
                web::resource(PATH)
                    .route(web::get().to(metrics))
                    .route(web::head().to(metrics))
                    .default_service(web::to(|| async {
                        said(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")))
                    })),
            )
            .default_service(web::to(|| async { said(&mut HttpResponse::NotFound()) }))
            .wrap_fn(move |request, service| {
                let under_way = UnderWay::begin(&request);
                let id = request_id::of(request.headers(), entropy.as_ref());
                let answered = service.call(request);
                async move {
                    let mut response = answered.await?;
                    under_way.answered(&mut response);
                    // Every answer has one: the connection tells by it what actix has answered itself.
                    let id = id.and_then(|id| header::HeaderValue::from_str(id.as_str()).ok());
                    let id = id.unwrap_or(header::HeaderValue::from_static("none"));
                    response.headers_mut().insert(X_REQUEST_ID.clone(), id);
                    Ok(response)
                }
            })
    })
}

async fn metrics(request: HttpRequest, write: web::Data<WriteMetrics>) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT);
    let written = write(accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default());
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, written.content_type))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(written.text)
}

/// An answer to somebody who is wrong here.
fn said(response: &mut actix_web::HttpResponseBuilder) -> HttpResponse {
    response
        .insert_header(header::ContentType::plaintext())
        .body("metrics are at /metrics, to be read with GET\n")
}

fn refuse(refusal: BareRefusal) -> Refusal {
    let text = match refusal {
        BareRefusal::TooSlow => "the request did not come in time\n",
        BareRefusal::HeadTooLong => "the request's line and headers are too long\n",
        BareRefusal::Failed => "the metrics cannot be served\n",
        BareRefusal::NotHttp => "this is not HTTP/1.1\n",
    };
    Refusal {
        content_type: "text/plain; charset=utf-8",
        body: text.into(),
    }
}
