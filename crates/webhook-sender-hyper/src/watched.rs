//! Watching what comes back on a connection: whether anything has, and whether the head of an answer had to be mended to be read.
//!
//! A connection that was kept may have been closed by the receiver in the meantime. If not a byte came back, the receiver has most
//! likely not seen the request. And a receiver whose head is not quite HTTP is read leniently, but where its answer ends is then a
//! guess: such a connection is not used again.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::spelling::{Outgoing, Spelling};

/// A connection to a receiver, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What has come back since the last request, and how what goes out next is spelt.
#[derive(Default)]
pub(crate) struct Watch {
    heard: AtomicBool,
    mended: AtomicBool,
    scanner: Mutex<Scanner>,
    outgoing: Mutex<Outgoing>,
}

impl Watch {
    /// Begins anew: a request is about to be sent, whose headers are spelt like this.
    pub(crate) fn begin(&self, spelling: Spelling) {
        self.heard.store(false, Ordering::Release);
        *self.outgoing.lock().unwrap_or_else(PoisonError::into_inner) = Outgoing::next(spelling);
        *self.scanner.lock().unwrap_or_else(PoisonError::into_inner) = Scanner::default();
    }

    /// Whether a byte of an answer has come.
    pub(crate) fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// Whether the head of any answer so far was not HTTP to the letter.
    pub(crate) fn has_mended(&self) -> bool {
        self.mended.load(Ordering::Acquire)
    }

    fn hear(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.heard.store(true, Ordering::Release);
        let mut scanner = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
        if scanner.scan(bytes) {
            self.mended.store(true, Ordering::Release);
        }
    }
}

/// A stream whose reader is watched, and whose writer spells names of headers as they were given.
pub(crate) struct Watched {
    stream: Box<dyn Stream>,
    watch: Arc<Watch>,
}

impl Watched {
    pub(crate) fn new(stream: Box<dyn Stream>, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch.hear(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.poll_write_spelt(context, bytes) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = buffers.iter().find(|buffer| !buffer.is_empty());
        match first.and_then(|first| self.poll_write_spelt(context, first)) {
            Some(written) => written,
            None => Pin::new(&mut self.stream).poll_write_vectored(context, buffers),
        }
    }
}

impl Watched {
    /// Writes what is to be spelt otherwise at the beginning of `bytes`, if anything is.
    fn poll_write_spelt(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Option<Poll<io::Result<usize>>> {
        let mut outgoing = self.watch.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        let spelt = outgoing.in_place_of(bytes)?;
        let written = Pin::new(&mut self.stream).poll_write(context, spelt);
        if let Poll::Ready(Ok(count)) = written {
            outgoing.written(count);
        }
        Some(written)
    }
}

/// Reads the head of an answer as strictly as RFC 9112 §5 has it, and interim answers (1xx) before it.
#[derive(Debug, Default)]
struct Scanner {
    at: At,
    /// The beginning of the status line: the version, a space and the status.
    status_line: Vec<u8>,
}

/// Where in a head the next byte stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    StatusLine,
    LineStart,
    Name,
    /// Behind a name, with white space before the colon.
    AfterName,
    Value,
    /// Behind the head.
    Body,
}

impl Scanner {
    /// How long `HTTP/1.1 200` is.
    const STATUS_END: usize = 12;

    /// Goes on with these bytes; whether anything in them had to be mended.
    fn scan(&mut self, bytes: &[u8]) -> bool {
        let mut mended = false;
        for byte in bytes {
            if self.at == At::Body {
                break;
            }
            mended |= self.step(*byte);
        }
        mended
    }

    fn step(&mut self, byte: u8) -> bool {
        let (at, mended) = match (self.at, byte) {
            (At::StatusLine, b'\n') => (At::LineStart, false),
            (At::StatusLine, _) => {
                if self.status_line.len() < Self::STATUS_END {
                    self.status_line.push(byte);
                }
                (At::StatusLine, false)
            }
            (At::LineStart, b'\r') => (At::LineStart, false),
            (At::LineStart, b'\n') if self.is_interim() => {
                self.status_line.clear();
                (At::StatusLine, false)
            }
            (At::LineStart, b'\n') => (At::Body, false),
            // A folded line, or one without a name.
            (At::LineStart, b' ' | b'\t' | b':') => (At::Value, true),
            (At::LineStart | At::Name, _) if is_in_names(byte) => (At::Name, false),
            (At::Name, b':') => (At::Value, false),
            (At::Name | At::AfterName, b' ' | b'\t') => (At::AfterName, true),
            (At::AfterName, b':') => (At::Value, true),
            (At::Value, b'\n') => (At::LineStart, false),
            (At::Value, b'\t' | b'\r') => (At::Value, false),
            (At::Value, _) => (At::Value, byte.is_ascii_control()),
            // A line without a colon.
            (_, b'\n') => (At::LineStart, true),
            (at, _) => (at, true),
        };
        self.at = at;
        mended
    }

    fn is_interim(&self) -> bool {
        // 101 is the end of HTTP on this connection.
        self.status_line.get(9) == Some(&b'1') && !self.status_line.ends_with(b"101")
    }
}

/// Whether a byte may stand in the name of a header (RFC 9110 §5.6.2).
fn is_in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_mended(answer: &str) -> bool {
        let whole = Watch::default();
        whole.hear(answer.as_bytes());
        let in_pieces = Watch::default();
        answer.as_bytes().chunks(1).for_each(|byte| in_pieces.hear(byte));
        assert_eq!(whole.has_mended(), in_pieces.has_mended(), "{answer:?}");
        whole.has_mended()
    }

    #[test]
    fn a_head_to_the_letter_is_not_mended() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A:b\r\nX-Empty:\r\n\r\n\x01 :",
            "HTTP/1.1 204\r\n\r\n",
            "HTTP/1.0 200 OK\nX-A: b\tc\n\nrest",
            "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Latin: caf\u{e9}\r\n\r\n",
        ] {
            assert!(!has_mended(answer), "{answer:?}");
        }
    }

    #[test]
    fn what_had_to_be_mended_is_seen() {
        for answer in [
            "HTTP/1.1 200 OK\r\nX-Foo : bar\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Foo: bar\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: nameless\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-Foo: a\x01b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX-F\u{f6}\u{f6}: bar\r\n\r\n",
            "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nX-Foo : bar\r\n\r\n",
        ] {
            assert!(has_mended(answer), "{answer:?}");
        }
    }

    #[test]
    fn what_is_heard_is_heard_since_the_last_request_and_what_was_mended_for_ever() {
        let watch = Watch::default();
        watch.begin(Spelling::default());
        watch.hear(b"");
        assert!(!watch.has_heard());
        watch.hear(b"HTTP/1.1 200 OK\r\nX-Foo : bar\r\n\r\n");
        assert!(watch.has_heard() && watch.has_mended());
        watch.begin(Spelling::default());
        assert!(!watch.has_heard() && watch.has_mended());
    }
}
