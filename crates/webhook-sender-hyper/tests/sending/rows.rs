//! What receivers do, and what each is taken for.

mod answers;
mod broken;

use std::time::Duration;

use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::Response;

use crate::fixtures::{answered, failed};
use crate::scripted::Act::{self, Hang, Read};
use crate::scripted::say;

/// What is to come of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comes {
    Status(u16),
    /// The same, with a wish to be left alone for so many seconds.
    Wish(u16, u64),
    Cause(FailureCause),
}

pub(crate) use self::answers::{to_the_letter, with_odd_bodies};
pub(crate) use self::broken::{broken_connections, odd_heads};
use Comes::{Cause, Status, Wish};

impl Comes {
    pub(crate) fn response(self) -> Response {
        match self {
            Status(status) => Response::of(answered(status)),
            Wish(status, seconds) => Response {
                retry_after: Some(Duration::from_secs(seconds)),
                ..Response::of(answered(status))
            },
            Cause(cause) => failed(cause),
        }
    }
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What is done on the first connection, the second, and so on; the last is that of all later ones.
    pub(crate) connections: Vec<Vec<Act>>,
    pub(crate) first: Comes,
    pub(crate) second: Comes,
    /// How many connections were made for both.
    pub(crate) made: usize,
    /// How many requests were read whole.
    pub(crate) read: usize,
}

/// A receiver that answers both deliveries like this, on one connection if it is used again.
fn answering(name: &'static str, answer: impl Into<Vec<u8>>, comes: Comes, made: usize) -> Row {
    let answer: Vec<u8> = answer.into();
    Row {
        name,
        connections: vec![vec![Read, say(answer.clone()), Read, say(answer), Hang]],
        first: comes,
        second: comes,
        made,
        read: 2,
    }
}

/// One that conducts itself like this on every connection.
fn conducting(name: &'static str, acts: Vec<Act>, comes: Comes, read: usize) -> Row {
    Row {
        name,
        connections: vec![acts],
        first: comes,
        second: comes,
        made: 2,
        read,
    }
}

const MALFORMED: Comes = Cause(FailureCause::MalformedAnswer);
const BROKEN: Comes = Cause(FailureCause::Connection);
const TIMEOUT: Comes = Cause(FailureCause::Timeout);

fn with_headers(count: usize) -> String {
    let headers: String = (0..count).map(|n| format!("X-{n}: a\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n").replacen("X-0: a", "Content-Length: 0", 1)
}

fn with_head_of(bytes: usize) -> String {
    let line = format!("X-Long: {}\r\n", "a".repeat(8_000));
    let lines = line.repeat(bytes / line.len());
    format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n")
}
