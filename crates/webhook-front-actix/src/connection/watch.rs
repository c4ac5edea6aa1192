//! What a connection and the handlers of its requests tell each other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

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
    /// Since when no request is in a handler.
    idle_since: Cell<Option<Instant>>,
    /// The request's head, with what came of its body beside it, was long.
    had_long_head: Cell<bool>,
    /// How many bytes have come of a head that is not complete.
    head_bytes: Cell<usize>,
    /// The connection is to be closed for another's sake, as soon as no request is in a handler.
    dismissed: Cell<bool>,
    /// Wakes the task that reads from the connection.
    reader: RefCell<Option<Waker>>,
}

/// A buffer that has held a longer head than this is not kept for an idle connection.
const LONG_HEAD_BYTES: usize = 16 * 1024;

impl Watch {
    /// A connection on which the first request is waited for from `now` on.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Rc::new(State {
            requests_under_way: Cell::new(0),
            waiting_since: Cell::new(Some(now)),
            has_begun_head: Cell::new(false),
            has_unread_body: Cell::new(false),
            closing: Cell::new(false),
            idle_since: Cell::new(Some(now)),
            had_long_head: Cell::new(false),
            head_bytes: Cell::new(0),
            dismissed: Cell::new(false),
            reader: RefCell::default(),
        }))
    }

    /// A request has reached its handler, where it stays until what is returned is dropped.
    pub(crate) fn begin_request(&self) -> RequestUnderWay {
        let state = &self.0;
        state.idle_since.set(None);
        state
            .had_long_head
            .set(state.head_bytes.replace(0) > LONG_HEAD_BYTES);
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

    /// Whether the connection is better closed after this request than kept: its buffer has grown, or another needs its place.
    pub(crate) fn is_not_to_be_kept(&self) -> bool {
        self.0.had_long_head.get() || self.0.dismissed.get()
    }

    /// The request was answered without its body having been read.
    pub(crate) fn leave_body_unread(&self) {
        self.0.has_unread_body.set(true);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.0.closing.get()
    }

    /// Whether what comes is the rest of something that was answered.
    pub(super) fn reads_what_nobody_wants(&self) -> bool {
        self.is_closing() || self.0.has_unread_body.get()
    }

    /// Since when no request is in a handler, unless one is, or the connection is being closed.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.0.idle_since.get().filter(|_| !self.0.dismissed.get())
    }

    /// Has the connection closed, as soon as no request is in a handler.
    pub(super) fn dismiss(&self) {
        self.0.dismissed.set(true);
        if let Some(reader) = self.0.reader.borrow_mut().take() {
            reader.wake();
        }
    }

    /// Whether the connection is to be closed now.
    pub(super) fn is_dismissed(&self) -> bool {
        self.0.dismissed.get() && self.0.requests_under_way.get() == 0
    }

    /// The reading task waits: it is woken when the connection is dismissed.
    pub(super) fn wake_on_dismissal(&self, reader: &Waker) {
        let mut known = self.0.reader.borrow_mut();
        match known.as_mut() {
            Some(known) => known.clone_from(reader),
            None => *known = Some(reader.clone()),
        }
    }

    /// How many bytes have come of a head that is not complete.
    pub(super) fn head_bytes(&self) -> usize {
        self.0.head_bytes.get()
    }

    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.0.waiting_since.get()
    }

    /// Whether the client has begun a head of which it can be told that it does not come.
    pub(super) fn has_begun_head(&self) -> bool {
        self.0.has_begun_head.get() && !self.0.has_unread_body.get() && !self.is_closing()
    }

    /// So many bytes have come. With a request in a handler they are its body, or wait for their turn.
    pub(super) fn note_bytes(&self, count: usize) {
        if self.0.requests_under_way.get() == 0 {
            self.0.head_bytes.set(self.0.head_bytes.get() + count);
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
        let now = Instant::now();
        if state.requests_under_way.get() == 0 {
            state.idle_since.set(Some(now));
        }
        if state.closing.get() {
            state.waiting_since.set(Some(now));
        }
    }
}
