//! A client of the API that does not give up: what was not answered is asked again under the same `Idempotency-Key`, so
//! that nothing is done twice, until a server answers.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};
use webhook_domain::signing::secret::SecretText;

use super::server::ServerProcess;
use crate::exit::Failure;

/// How long one answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long until what was not answered is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often one thing is asked: half a minute of refused connections.
const MOST_TRIES: u32 = 300;

/// Asks whichever server there is at the moment.
pub(super) struct Client<'a> {
    server: &'a RefCell<ServerProcess>,
    api_key: SecretText,
    http: HyperClient<HttpConnector, Full<Bytes>>,
    retries: Cell<u64>,
}

/// What is asked.
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: String,
    pub(super) idempotency_key: String,
}

impl<'a> Client<'a> {
    /// A client with this API key.
    pub(super) fn new(server: &'a RefCell<ServerProcess>, api_key: SecretText) -> Self {
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        let retries = Cell::new(0);
        Self {
            server,
            api_key,
            http,
            retries,
        }
    }

    /// How often something had to be asked again.
    pub(super) fn retries(&self) -> u64 {
        self.retries.get()
    }

    /// Asks until there is an answer, which must be a success.
    pub(super) async fn ask(&self, question: &Question) -> Result<Bytes, Failure> {
        for _ in 0..MOST_TRIES {
            match self.try_once(question).await? {
                Some((status, body)) if status.is_success() => return Ok(body),
                Some((status, body)) if !may_ask_again(status) => {
                    return Err(Failure::found(format!(
                        "{} {} was answered {status}: {}",
                        question.method,
                        question.path,
                        String::from_utf8_lossy(&body)
                    )));
                }
                _ => self.retries.set(self.retries.get() + 1),
            }
            sleep(ASK_AGAIN_AFTER).await;
        }
        Err(Failure::found(format!("nobody answers {}", question.path)))
    }

    /// One try; nothing, if the server went away or was not there.
    async fn try_once(&self, question: &Question) -> Result<Option<(StatusCode, Bytes)>, Failure> {
        let address = self.server.borrow().address();
        let mut request = Request::builder()
            .method(question.method.clone())
            .uri(format!("http://{address}{}", question.path))
            .header("x-api-key", self.api_key.expose())
            .header("idempotency-key", &question.idempotency_key);
        if !question.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(Full::from(question.body.clone()))
            .map_err(|error| Failure::cannot("write a request", &error))?;
        let exchange = async {
            let (head, body) = self.http.request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some((head.status, body))
        };
        Ok(timeout(ANSWER_WITHIN, exchange).await.ok().flatten())
    }
}

/// Whether the same question may have another answer later. 422 says that its first one is still being worked at.
fn may_ask_again(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::TOO_MANY_REQUESTS
        )
}
