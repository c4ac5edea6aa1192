//! One connection to a receiver, and one request after another on it.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use webhook_domain::delivery::attempt::{FailureCause, TlsFailure};

use crate::connector::Opened;
use crate::spelling::Spelling;
use crate::tls::Seen;
use crate::watched::{Watch, Watched};

/// How many header lines an answer may have.
const MAX_HEADERS: usize = 512;
/// How long the head of an answer may be.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// A connection, on which HTTP/1.1 is spoken.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    watch: Arc<Watch>,
    seen: Arc<Seen>,
    made_at: Instant,
}

impl Connection {
    /// Speaks HTTP on a connection that was just opened.
    ///
    /// # Errors
    /// hyper's, of which there is none before something is sent.
    pub(crate) async fn on(opened: Opened) -> hyper::Result<Self> {
        let Opened { stream, seen } = opened;
        let watch = Arc::new(Watch::default());
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
        let (sender, connection) = Builder::new()
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_header_size(MAX_HEAD_BYTES)
            .handshake(io)
            .await?;
        // It ends with its sender. What went wrong is told to whoever asked.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            watch,
            seen,
            made_at: Instant::now(),
        })
    }

    /// Sends a request whose headers are spelt like this, and waits for the head of its answer.
    ///
    /// # Errors
    /// hyper's: the connection broke, or what came back is not HTTP.
    pub(crate) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
        spelling: &Spelling,
    ) -> hyper::Result<Response<Incoming>> {
        self.watch.begin(spelling.clone());
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    /// Why a request came to no answer on it.
    pub(crate) fn cause(&self, error: &hyper::Error) -> FailureCause {
        if error.is_parse() {
            return FailureCause::MalformedAnswer;
        }
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(io) = inner.downcast_ref::<io::Error>()
                && let Some(failure) = self.seen.failure_afterwards(io)
            {
                return FailureCause::Tls(failure);
            }
            source = inner.source();
        }
        match self.has_heard() {
            // It asked for a certificate, got none, and hung up before the alert that says so could be read.
            false if self.seen.has_wanted_certificate() => {
                FailureCause::Tls(TlsFailure::ClientCertificateRequired)
            }
            _ => FailureCause::Connection,
        }
    }

    /// Whether anything has come back since the last request was sent.
    pub(crate) fn has_heard(&self) -> bool {
        self.watch.has_heard()
    }

    /// How long ago it was made.
    pub(crate) fn age(&self) -> Duration {
        self.made_at.elapsed()
    }

    /// Whether another request may be sent on it, as far as is known.
    pub(crate) fn is_usable(&self) -> bool {
        !self.sender.is_closed() && !self.watch.has_mended()
    }
}
