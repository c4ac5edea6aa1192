//! A client's connection, timed and put into words.
//!
//! actix-http times the head of a connection's first request and nothing after it: not the second head, not the
//! rest of a chunked body whose request was already answered, not a client that takes no answer. It answers a head
//! it cannot read with an empty 400. A [`Connection`] is the socket that actix-http reads and writes, and mends both:
//!
//! - While no request is in a handler, the client has the head timeout from the first byte it sends to bring one
//!   there, and [`LINGER`] when it was already told that the connection closes. Then, once nothing more has come, it reads as closed, after
//!   a 408 if a head was begun. In a handler the body's own timer runs (see [`crate::body`]).
//! - One that is [dismissed](open) for another's sake reads as closed as soon as no request is in a handler.
//! - An answer of which the client takes nothing for the write timeout ends the connection.
//! - A bare refusal on its way out is given the front's own words and a request id (see [`bare_refusal`]).
//!
//! The [`Watch`] is how the handlers' side tells the connection that a request has begun or ended.

mod bare_refusal;
mod open;
mod socket;
mod watch;

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) use open::{Admission, OpenConnections};
pub(crate) use socket::Socket;
pub(crate) use watch::{RequestUnderWay, Watch};

use crate::front::Front;
use crate::limits::ALREADY_THERE;

/// How long an answered connection that is to be closed may go on sending before it is cut.
pub(crate) const LINGER: std::time::Duration = std::time::Duration::from_secs(1);

/// A socket that does not wait for ever.
pub(crate) struct Connection {
    socket: Socket,
    front: Rc<Front>,
    admission: Admission,
    reading: Alarm,
    writing: Alarm,
    /// Until when is read on although the time is over.
    last_look_until: Option<Instant>,
    /// Since when the client has taken nothing of an answer.
    write_blocked_since: Option<Instant>,
    /// What we say in actix's place, as far as it is not yet sent.
    own_words: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(socket: Socket, front: Rc<Front>, admission: Admission) -> Self {
        Self {
            socket,
            front,
            admission,
            reading: Alarm::default(),
            writing: Alarm::default(),
            last_look_until: None,
            write_blocked_since: None,
            own_words: Vec::new(),
        }
    }

    /// The handlers' end of this connection.
    pub(crate) fn watch(&self) -> Watch {
        self.admission.watch().clone()
    }

    /// When the client must have brought a request to a handler, if it is its turn.
    fn read_deadline(&self) -> Option<Instant> {
        let limit = match self.admission.watch().is_closing() {
            true => self.front.limits.head_timeout.min(LINGER),
            false => self.front.limits.head_timeout,
        };
        self.admission
            .watch()
            .waiting_since()
            .and_then(|since| since.checked_add(limit))
    }

    /// As [`read_deadline`](Self::read_deadline). One that has passed is put off until it is known that nothing more has come: timers are
    /// looked at before sockets when the server has stood still.
    fn read_deadline_after_a_last_look(&mut self) -> Option<Instant> {
        let deadline = self.read_deadline();
        let now = Instant::now();
        if deadline.is_none_or(|deadline| now < deadline) {
            self.last_look_until = None;
            return deadline;
        }
        Some(*self.last_look_until.get_or_insert(now + ALREADY_THERE))
    }

    /// Tells a client that began a head and did not finish it, unless an answer is still on its way out.
    fn give_up_on_head(&mut self) {
        let watch = self.admission.watch();
        let may_speak = watch.has_begun_head() && self.write_blocked_since.is_none();
        if may_speak {
            let refusal = bare_refusal::head("HTTP/1.1", StatusCode::REQUEST_TIMEOUT);
            self.own_words
                .extend(bare_refusal::in_our_words(&self.front, &refusal));
        }
        watch.close();
    }

    fn poll_own_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.own_words.is_empty() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.own_words))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.own_words.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Times a write that does not get on.
    fn timed<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_blocked_since = None;
            return written;
        }
        let since = *self.write_blocked_since.get_or_insert_with(Instant::now);
        match since.checked_add(self.front.limits.write_timeout) {
            Some(deadline) if self.writing.is_past(deadline, true, cx) => {
                tracing::debug!("a client took nothing of its answer; the connection is cut");
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => Poll::Pending,
        }
    }

    fn poll_write_or_reword(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_own_words(cx))?;
        match bare_refusal::find(bytes) {
            // What stands before it goes out as it is.
            Some(start) if start > 0 => Pin::new(&mut self.socket).poll_write(cx, &bytes[..start]),
            Some(_) => {
                self.own_words = bare_refusal::in_our_words(&self.front, bytes);
                // Taken over: what the socket does not take now goes with the next write or flush.
                match self.poll_own_words(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => Poll::Ready(Ok(bytes.len())),
                }
            }
            None => Pin::new(&mut self.socket).poll_write(cx, bytes),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.socket).poll_read(cx, buffer);
        let count = buffer.filled().len() - before;
        let watch = this.admission.watch();
        if count > 0 {
            watch.note_bytes(count);
        }
        if read.is_pending() {
            watch.wake_on_dismissal(cx.waker());
            let head_bytes = watch.head_bytes();
            this.admission.hold_head(head_bytes);
            if this.admission.watch().is_dismissed() {
                this.give_up_on_head();
                return Poll::Ready(Ok(()));
            }
        }
        // What has come of a head is read, however late.
        let is_judged = read.is_pending() || this.admission.watch().reads_what_nobody_wants();
        match this.read_deadline_after_a_last_look().filter(|_| is_judged) {
            Some(deadline) if this.reading.is_past(deadline, read.is_pending(), cx) => {
                this.give_up_on_head();
                buffer.set_filled(before);
                Poll::Ready(Ok(()))
            }
            _ => read,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.poll_write_or_reword(cx, bytes);
        self.timed(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match self.poll_own_words(cx) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.socket).poll_flush(cx),
            waiting => waiting,
        };
        match self.write_blocked_since {
            // Nothing of ours is waiting, and a write that is says so itself.
            Some(_) if flushed.is_ready() => flushed,
            _ => self.timed(cx, flushed),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.poll_own_words(cx);
        ready!(self.timed(cx, sent))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// A timer that is set when it is waited for and left alone otherwise: on a busy connection deadlines come and go
/// without touching it.
#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether `deadline` has passed; if not, and it is waited for, the task is woken when it has.
    fn is_past(&mut self, deadline: Instant, waited_for: bool, cx: &mut Context<'_>) -> bool {
        if Instant::now() >= deadline {
            return true;
        }
        if !waited_for {
            return false;
        }
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // One that is set for earlier wakes us too soon, and is then set again.
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }
}
