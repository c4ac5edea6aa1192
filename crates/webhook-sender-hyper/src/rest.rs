//! What follows the head of an answer. It decides nothing.

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::time::Instant;
use webhook_domain::delivery::attempt::BodyStart;

use crate::SenderLimits;

/// What follows a head, as far as it was not read yet.
pub(crate) struct Rest {
    body: Incoming,
    /// How many bytes of it may be read.
    left: usize,
    /// Until when.
    pub(crate) until: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Goes,
    Ended,
    /// It broke, or there is too much of it.
    Unreadable,
}

impl Rest {
    /// All of it: the head has just come.
    pub(crate) fn new(body: Incoming, limits: SenderLimits) -> Self {
        let state = if body.is_end_stream() {
            State::Ended
        } else {
            State::Goes
        };
        Self {
            body,
            left: limits.max_answer_bytes,
            until: Instant::now() + limits.body_timeout,
            state,
        }
    }

    /// Whether nothing follows any more.
    pub(crate) fn is_at_its_end(&self) -> bool {
        self.state == State::Ended
    }

    /// Reads until `start` has all that it wants, or there is no more. What is dropped in the middle has lost nothing.
    pub(crate) async fn begin(&mut self, start: &mut BodyStart) {
        while start.wants() > 0 && self.state == State::Goes {
            start.add(&self.next().await);
        }
    }

    /// Whether it comes to its end.
    pub(crate) async fn ends(mut self) -> bool {
        while self.state == State::Goes {
            self.next().await;
        }
        self.is_at_its_end()
    }

    /// The next bytes; none, too, where there are no more.
    async fn next(&mut self) -> Bytes {
        let bytes = match self.body.frame().await {
            None => {
                self.state = State::Ended;
                Bytes::new()
            }
            Some(Err(_)) => {
                self.state = State::Unreadable;
                Bytes::new()
            }
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        match self.left.checked_sub(bytes.len()) {
            Some(left) => self.left = left,
            None => self.state = State::Unreadable,
        }
        bytes
    }
}
