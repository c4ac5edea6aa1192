//! A tunnel by HTTP `CONNECT` (RFC 9110 §9.3.6).

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{Credentials, NoTunnel, Target, broken, nonsense};

/// The longest answer that is read.
const MAX_HEAD: usize = 16 * 1024;

pub(super) async fn tunnel(
    stream: &mut TcpStream,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), NoTunnel> {
    let request = request(target, credentials);
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut read = Vec::with_capacity(512);
    loop {
        let length = head_length(stream, &mut read).await?;
        match status(&read[..length])? {
            // Something is still to come (RFC 9110 §15.2).
            100..=199 => drop(read.drain(..length)),
            200..=299 if read.len() == length => return Ok(()),
            200..=299 => return Err(nonsense("it sent something before it was asked")),
            403 => return Err(NoTunnel::NotAllowed),
            407 => return Err(nonsense("it wants other credentials (407)")),
            500..=599 => return Err(NoTunnel::Receiver),
            _ => return Err(nonsense("it does not take CONNECT")),
        }
    }
}

fn request(target: &Target, credentials: Option<&Credentials>) -> Zeroizing<String> {
    let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
    if let Some(Credentials { username, password }) = credentials {
        let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
        request.push_str("Proxy-Authorization: Basic ");
        BASE64.encode_append(pair.as_bytes(), &mut request);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Reads until `read` has a whole head, and says how long that is.
async fn head_length(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<usize, NoTunnel> {
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return Ok(end + 4);
        }
        if read.len() >= MAX_HEAD {
            return Err(nonsense("its answer is too long"));
        }
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer).await.map_err(broken)? {
            0 => return Err(nonsense("it closed the connection before it answered")),
            count => read.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The status of a head: `HTTP/1.1 200 …`.
fn status(head: &[u8]) -> Result<u16, NoTunnel> {
    let is_http = head.starts_with(b"HTTP/1.1 ") || head.starts_with(b"HTTP/1.0 ");
    let digits = head
        .get(9..12)
        .filter(|digits| is_http && digits.iter().all(u8::is_ascii_digit));
    let number = digits.map(|digits| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
    });
    number.ok_or_else(|| nonsense("its answer is not HTTP"))
}
