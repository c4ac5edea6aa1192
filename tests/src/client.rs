//! A client of the service.

use std::{cell::RefCell, io, net::SocketAddr};

use serde_json::Value;

use crate::{answer::Answer, raw::Connection};

/// Sends requests to one server, under one API key unless told otherwise.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    headers: Vec<(String, String)>,
    connection: RefCell<Option<Connection>>,
}

impl Clone for Client {
    /// The same client with a connection of its own, for another thread.
    fn clone(&self) -> Self {
        Self {
            address: self.address,
            headers: self.headers.clone(),
            connection: RefCell::new(None),
        }
    }
}

impl Client {
    /// A client without credentials.
    pub fn anonymous(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
            connection: RefCell::new(None),
        }
    }

    /// A client that sends `key` as `X-API-KEY`.
    pub fn with_key(address: SocketAddr, key: &str) -> Self {
        Self::anonymous(address).and_header("X-API-KEY", key)
    }

    /// The same client, which sends one more header with every request.
    pub fn and_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a GET.
    pub fn get(&self, path: &str) -> Request<'_> {
        self.request("GET", path)
    }

    /// Starts a POST.
    pub fn post(&self, path: &str) -> Request<'_> {
        self.request("POST", path)
    }

    /// Starts a PATCH.
    pub fn patch(&self, path: &str) -> Request<'_> {
        self.request("PATCH", path)
    }

    /// Starts a DELETE.
    pub fn delete(&self, path: &str) -> Request<'_> {
        self.request("DELETE", path)
    }

    /// Starts a request of any method.
    pub fn request(&self, method: &str, path: &str) -> Request<'_> {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect();
        Request {
            client: self,
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body: None,
            unchecked: false,
        }
    }

    fn exchange(&self, bytes: &[u8]) -> io::Result<Answer> {
        let mut kept = self.connection.borrow_mut();
        let mut connection = match kept.take().filter(Connection::is_fresh) {
            Some(connection) => connection,
            None => Connection::open(self.address)?,
        };
        // A server that refuses early answers and closes while the rest of a body is being sent: its answer counts.
        let sent = connection.send(bytes);
        let answer = match (connection.read_answer(), sent) {
            (Ok(answer), _) => answer,
            (Err(error), Ok(())) => return Err(error),
            (Err(_), Err(error)) => return Err(error),
        };
        if connection.reusable {
            *kept = Some(connection);
        }
        Ok(answer)
    }
}

/// A request being put together.
#[derive(Clone, Debug)]
pub struct Request<'client> {
    client: &'client Client,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    unchecked: bool,
}

impl Request<'_> {
    /// Adds a header; one of the same name stays beside it.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sends `value` as JSON.
    pub fn json(self, value: &Value) -> Self {
        self.json_text(value.to_string())
    }

    /// Sends `text` as if it were JSON.
    pub fn json_text(self, text: impl AsRef<[u8]>) -> Self {
        self.body("application/json", text)
    }

    /// Sends `bytes` as `content_type`.
    pub fn body(self, content_type: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.header("Content-Type", content_type).bytes(bytes)
    }

    /// Sends `bytes` without saying what they are.
    pub fn bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.body = Some(bytes.as_ref().to_owned());
        self
    }

    /// Takes any answer, a 5xx included.
    pub fn unchecked(mut self) -> Self {
        self.unchecked = true;
        self
    }

    /// Sends it, and checks what every answer must be.
    #[track_caller]
    pub fn send(&self) -> Answer {
        let answer = self.try_send();
        answer.unwrap_or_else(|error| panic!("{} {}: no answer: {error}", self.method, self.path))
    }

    /// As [`Self::send`]; an error is a server that went away.
    #[track_caller]
    pub fn try_send(&self) -> io::Result<Answer> {
        let answer = self.client.exchange(&self.wire())?;
        if !self.unchecked {
            answer.check_ground_rules();
        }
        Ok(answer)
    }

    /// The request as it goes over the wire.
    pub fn wire(&self) -> Vec<u8> {
        let mut wire = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.method, self.path, self.client.address
        )
        .into_bytes();
        for (name, value) in &self.headers {
            wire.extend_from_slice(name.as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value);
            wire.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            wire.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            wire.extend_from_slice(body);
        } else {
            wire.extend_from_slice(b"\r\n");
        }
        wire
    }
}
