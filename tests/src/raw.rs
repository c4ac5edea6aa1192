//! A TCP connection that sends exactly the bytes it is given and reads HTTP/1.1 answers.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::answer::Answer;

/// Longer than anything the service may take, so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection, and what has come in on it beyond the answers read so far.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    last_used: Instant,
    /// Whether the last answer left the connection open.
    pub reusable: bool,
}

impl Connection {
    /// Connects, with a patience of 30 seconds for every read.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            unread: Vec::new(),
            last_used: Instant::now(),
            reusable: true,
        })
    }

    /// Whether the connection can carry another request without a race against the server's idle timer.
    pub(crate) fn is_fresh(&self) -> bool {
        self.reusable && self.last_used.elapsed() < Duration::from_secs(1)
    }

    /// Sends `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads one answer to its end.
    pub fn read_answer(&mut self) -> io::Result<Answer> {
        let (mut answer, length) = self.read_head()?;
        while self.unread.len() < length {
            self.receive()?;
        }
        answer.body = self.unread.drain(..length).collect();
        self.last_used = Instant::now();
        Ok(answer)
    }

    /// Whether the server has closed the connection; answers that came before are skipped.
    pub fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 4 * 1024];
        self.stream
            .set_nonblocking(true)
            .expect("a socket can be made nonblocking");
        let closed = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
            }
        };
        self.stream
            .set_nonblocking(false)
            .expect("a socket can be made blocking");
        closed
    }

    /// Whatever still comes until the server closes the connection.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.unread);
        match self.stream.read_to_end(&mut rest) {
            // A server that closes while bytes are on their way to it resets the connection.
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(rest),
        }
    }

    /// The head of the next answer and the length of its body.
    fn read_head(&mut self) -> io::Result<(Answer, usize)> {
        loop {
            if let Some(parsed) = self.parse_head()? {
                return Ok(parsed);
            }
            self.receive()?;
        }
    }

    fn parse_head(&mut self) -> io::Result<Option<(Answer, usize)>> {
        let mut storage = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut storage);
        let used = match parsed.parse(&self.unread) {
            Ok(httparse::Status::Complete(used)) => used,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("not HTTP: {error}"),
                ));
            }
        };
        let headers = parsed.headers.iter().map(|header| {
            (
                header.name.to_ascii_lowercase(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        });
        let answer = Answer {
            status: parsed.code.unwrap_or_default(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        let length = match answer.header("content-length") {
            Some(text) => text
                .parse()
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, text))?,
            None if matches!(answer.status, 100..200 | 204 | 304) => 0,
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "an answer without content-length",
                ));
            }
        };
        self.reusable = !answer
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.unread.drain(..used);
        Ok(Some((answer, length)))
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        let read = loop {
            match self.stream.read(&mut buffer) {
                // A socket with a timeout is interrupted when its process is stopped and goes on.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        match read {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection",
            )),
            count => {
                self.unread.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }
}
