//! What a connection and the handlers of its requests tell each other.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::Instant;

/// One connection's state, shared between its socket and its requests.
#[derive(Clone)]
pub(crate) struct Watch(Rc<State>);

struct State {
    requests_under_way: Cell<u32>,
    /// Since when the client owes us a request, or the end of one that was answered.
    waiting_since: Cell<Option<Instant>>,
    has_begun_head: Cell<bool>,
    /// The bytes that come may be the rest of a body that nobody read.
    has_unread_body: Cell<bool>,
    closing: Cell<bool>,
}

impl Watch {
    /// A connection on which the first request is waited for from `now` on.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Rc::new(State {
            requests_under_way: Cell::new(0),
            waiting_since: Cell::new(Some(now)),
            has_begun_head: Cell::new(false),
            has_unread_body: Cell::new(false),
            closing: Cell::new(false),
        }))
    }

    /// A request has reached its handler, where it stays until what is returned is dropped.
    pub(crate) fn begin_request(&self) -> RequestUnderWay {
        let state = &self.0;
        state.requests_under_way.set(state.requests_under_way.get() + 1);
        state.waiting_since.set(None);
        state.has_begun_head.set(false);
        state.has_unread_body.set(false);
        RequestUnderWay(self.clone())
    }

    /// The client was, or is about to be, told that the connection closes.
    pub(crate) fn close(&self) {
        self.0.closing.set(true);
    }

    /// The request was answered without its body having been read.
    pub(crate) fn leave_body_unread(&self) {
        self.0.has_unread_body.set(true);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.0.closing.get()
    }

    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.0.waiting_since.get()
    }

    /// Whether the client has begun a head of which it can be told that it does not come.
    pub(super) fn has_begun_head(&self) -> bool {
        self.0.has_begun_head.get() && !self.0.has_unread_body.get() && !self.is_closing()
    }

    /// Bytes have come. With a request in a handler they are its body, or wait for their turn.
    pub(super) fn note_bytes(&self) {
        if self.0.requests_under_way.get() == 0 {
            self.0.has_begun_head.set(true);
            if self.0.waiting_since.get().is_none() {
                self.0.waiting_since.set(Some(Instant::now()));
            }
        }
    }
}

/// A request in its handler: its end is noted even when the handler is dropped because the client hung up.
pub(crate) struct RequestUnderWay(Watch);

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        let state = &self.0.0;
        state
            .requests_under_way
            .set(state.requests_under_way.get().saturating_sub(1));
        if state.closing.get() {
            state.waiting_since.set(Some(Instant::now()));
        }
    }
}
