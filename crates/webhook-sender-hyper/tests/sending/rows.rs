//! What receivers do, and what each is taken for.

use std::time::Duration;

use webhook_domain::attempt::FailureCause;
use webhook_domain::ports::Receipt;

use crate::house::{OK, answered, failed};
use crate::scripted::Act::{self, Drip, End, Hang, Read, Reset, Wait};
use crate::scripted::say;

/// What is to come of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comes {
    Status(u16),
    /// The same, with a wish to be left alone for so many seconds.
    Wish(u16, u64),
    Cause(FailureCause),
}

use Comes::{Cause, Status, Wish};

impl Comes {
    pub(crate) fn receipt(self) -> Receipt {
        match self {
            Status(status) => Receipt {
                outcome: answered(status),
                retry_after: None,
            },
            Wish(status, seconds) => Receipt {
                outcome: answered(status),
                retry_after: Some(Duration::from_secs(seconds)),
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

/// Answers that are HTTP to the letter.
pub(crate) fn to_the_letter() -> Vec<Row> {
    vec![
        answering("a body with its length", OK, Status(200), 1),
        answering("no body", "HTTP/1.1 204 No Content\r\n\r\n", Status(204), 1),
        answering(
            "an empty body",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            Status(200),
            1,
        ),
        answering(
            "a body in chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            Status(200),
            1,
        ),
        answering(
            "chunks with an extension and a trailer",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-End: 1\r\n\r\n",
            Status(200),
            1,
        ),
        answering(
            "no reason phrase",
            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
            Status(200),
            1,
        ),
        answering(
            "an unusual success",
            "HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n",
            Status(299),
            1,
        ),
        answering(
            "lines that end with LF alone",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            Status(200),
            1,
        ),
        answering(
            "a value in Latin-1",
            b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n",
            Status(200),
            1,
        ),
        answering(
            "a connection kept by HTTP/1.0",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            Status(200),
            1,
        ),
        answering(
            "one not kept by HTTP/1.0",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            Status(200),
            2,
        ),
        answering(
            "one that is to be closed",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Status(200),
            2,
        ),
        answering(
            "100 before the answer",
            format!("HTTP/1.1 100 Continue\r\n\r\n{OK}"),
            Status(200),
            1,
        ),
        answering(
            "103 before the answer",
            format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}"),
            Status(200),
            1,
        ),
        answering(
            "102 three times before the answer",
            format!("{}{OK}", "HTTP/1.1 102 Processing\r\n\r\n".repeat(3)),
            Status(200),
            1,
        ),
        answering(
            "101",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            Status(101),
            2,
        ),
        answering(
            "two equal lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            Status(200),
            1,
        ),
        answering("120 headers", with_headers(120), Status(200), 1),
        answering("512 headers", with_headers(512), Status(200), 1),
        answering("a head of 200 KiB", with_head_of(200 * 1024), Status(200), 1),
        answering(
            "a redirect",
            "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            Status(301),
            1,
        ),
        answering(
            "an error of ours",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nwhat",
            Status(404),
            1,
        ),
        answering(
            "an error of theirs",
            "HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\noops",
            Status(500),
            1,
        ),
        answering(
            "a status beyond 599",
            "HTTP/1.1 600 Hm\r\nContent-Length: 0\r\n\r\n",
            Status(600),
            1,
        ),
        answering(
            "410",
            "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
            Status(410),
            1,
        ),
        answering(
            "a wish in seconds",
            "HTTP/1.1 503 Later\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            Wish(503, 7),
            1,
        ),
        answering(
            "a wish that cannot be read",
            "HTTP/1.1 503 Later\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
            Status(503),
            1,
        ),
    ]
}

/// Answers whose head decides, whatever follows it.
pub(crate) fn with_odd_bodies() -> Vec<Row> {
    let head = |more: &str| say(format!("HTTP/1.1 {more}\r\n\r\n"));
    vec![
        conducting(
            "a byte that never comes",
            vec![Read, head("200 OK\r\nContent-Length: 1"), Hang],
            Status(200),
            2,
        ),
        conducting(
            "chunks that never end",
            vec![
                Read,
                head("200 OK\r\nTransfer-Encoding: chunked"),
                Drip("1\r\na\r\n"),
            ],
            Status(200),
            2,
        ),
        conducting(
            "an answer that is flushed before the work",
            vec![Read, head("200 OK\r\nConnection: close"), Wait(300), End],
            Status(200),
            2,
        ),
        conducting(
            "a body until the end of the connection",
            vec![Read, head("200 OK"), say("ok"), End],
            Status(200),
            2,
        ),
        conducting(
            "a body that ends too soon",
            vec![Read, head("200 OK\r\nContent-Length: 5"), say("abc"), End],
            Status(200),
            2,
        ),
        conducting(
            "a body that is reset",
            vec![
                Read,
                head("200 OK\r\nContent-Length: 5"),
                say("abc"),
                Wait(20),
                Reset,
            ],
            Status(200),
            2,
        ),
        conducting(
            "chunks that are none",
            vec![
                Read,
                head("200 OK\r\nTransfer-Encoding: chunked"),
                say("what\r\n"),
                Hang,
            ],
            Status(200),
            2,
        ),
        conducting(
            "410 with a body that drips",
            vec![Read, head("410 Gone\r\nContent-Length: 999"), Drip("a")],
            Status(410),
            2,
        ),
        conducting(
            "503 with a wish and a body that drips",
            vec![
                Read,
                head("503 Later\r\nRetry-After: 3\r\nContent-Length: 999"),
                Drip("a"),
            ],
            Wish(503, 3),
            2,
        ),
        conducting(
            "more than is read",
            vec![
                Read,
                head("200 OK\r\nContent-Length: 1000000"),
                say(vec![b'x'; 1_000_000]),
                Hang,
            ],
            Status(200),
            2,
        ),
        Row {
            name: "as much as is read",
            connections: vec![vec![
                Read,
                head("200 OK\r\nContent-Length: 65536"),
                say(vec![b'x'; 65_536]),
                Read,
                say(OK),
                Hang,
            ]],
            first: Status(200),
            second: Status(200),
            made: 1,
            read: 2,
        },
        conducting(
            "more than the answer",
            vec![Read, say(format!("{OK}HTTP/1.1 500 Oh\r\n\r\n")), Hang],
            Status(200),
            2,
        ),
        Row {
            name: "a head in pieces",
            connections: vec![vec![
                Read,
                say("HTTP/1.1 2"),
                Wait(30),
                say("00 OK\r\nContent-Le"),
                Wait(30),
                say("ngth: 0\r\n\r"),
                Wait(30),
                say("\n"),
                Read,
                say(OK),
                Hang,
            ]],
            first: Status(200),
            second: Status(200),
            made: 1,
            read: 2,
        },
    ]
}

/// Heads that other clients read, and those that nobody should.
pub(crate) fn odd_heads() -> Vec<Row> {
    let ok = |line: &str| format!("HTTP/1.1 200 OK\r\n{line}\r\nContent-Length: 0\r\n\r\n");
    vec![
        answering("white space before a colon", ok("X-Foo : bar"), Status(200), 2),
        answering("a folded line", ok("X-Foo: bar\r\n baz"), Status(200), 2),
        answering("a line without a name", ok(": bar"), Status(200), 2),
        answering(
            "a control character in a value",
            ok("X-Foo: a\x01b"),
            Status(200),
            2,
        ),
        answering("a line without a colon", ok("X-Foo"), Status(200), 2),
        answering("a name with a blank in it", ok("X Foo: bar"), Status(200), 2),
        answering(
            "a wish among mended lines",
            "HTTP/1.1 503 Later\r\nX-Foo : bar\r\nRetry-After : 9\r\nContent-Length: 0\r\n\r\n",
            Wish(503, 9),
            2,
        ),
        answering("NUL in a value", ok("X-Foo: a\0b"), MALFORMED, 2),
        answering("a lone CR in a value", ok("X-Foo: a\rb"), MALFORMED, 2),
        answering("two lengths that differ", ok("Content-Length: 7"), MALFORMED, 2),
        answering(
            "a length that is no number",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            MALFORMED,
            2,
        ),
        answering(
            "a negative length",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            MALFORMED,
            2,
        ),
        answering("600 headers", with_headers(600), MALFORMED, 2),
        answering("a head of 300 KiB", with_head_of(300 * 1024), MALFORMED, 2),
        answering("a status of two digits", "HTTP/1.1 99 Hm\r\n\r\n", MALFORMED, 2),
        answering("a status in words", "HTTP/1.1 OK\r\n\r\n", MALFORMED, 2),
        answering("another version", "HTTP/3.0 200 OK\r\n\r\n", MALFORMED, 2),
        answering("another protocol", "SSH-2.0-OpenSSH_9.6\r\n", MALFORMED, 2),
        answering("no head at all", "<html>ok</html>", MALFORMED, 2),
        answering("TLS", b"\x15\x03\x01\x00\x02\x02\x28", MALFORMED, 2),
    ]
}

/// Connections that break, before anything was answered on them and after.
pub(crate) fn broken_connections() -> Vec<Row> {
    let then = |name, acts: Vec<Act>, after: Vec<Act>, second, made, read| Row {
        name,
        connections: vec![[vec![Read, say(OK)], acts].concat(), after],
        first: Status(200),
        second,
        made,
        read,
    };
    let well = || vec![Read, say(OK), Hang];
    vec![
        conducting("ended before a request", vec![End], BROKEN, 0),
        conducting("reset before a request", vec![Wait(20), Reset], BROKEN, 0),
        conducting("ended after a request", vec![Read, End], BROKEN, 2),
        conducting("reset after a request", vec![Read, Reset], BROKEN, 2),
        conducting(
            "ended within the status",
            vec![Read, say("HTTP/1.1 2"), End],
            BROKEN,
            2,
        ),
        conducting(
            "ended within the head",
            vec![Read, say("HTTP/1.1 200 OK\r\nContent-"), End],
            BROKEN,
            2,
        ),
        conducting("silence", vec![Read, Hang], TIMEOUT, 2),
        conducting(
            "silence within the head",
            vec![Read, say("HTTP/1.1 200 OK\r\n"), Hang],
            TIMEOUT,
            2,
        ),
        conducting(
            "a head that drips",
            vec![Read, say("HTTP/1.1 200 OK\r\n"), Drip("X-A: b\r\n")],
            TIMEOUT,
            2,
        ),
        then(
            "ended when the next request comes",
            vec![Read, End],
            well(),
            Status(200),
            2,
            3,
        ),
        then(
            "reset when the next request comes",
            vec![Read, Reset],
            well(),
            Status(200),
            2,
            3,
        ),
        then("ended at once", vec![End], well(), Status(200), 2, 2),
        then(
            "ended a moment later",
            vec![Wait(20), End],
            well(),
            Status(200),
            2,
            2,
        ),
        then(
            "reset a moment later",
            vec![Wait(20), Reset],
            well(),
            Status(200),
            2,
            2,
        ),
        then(
            "ended within the next answer",
            vec![Read, say("HTTP/1.1 2"), End],
            well(),
            BROKEN,
            1,
            2,
        ),
        then(
            "silent at the next request",
            vec![Read, Hang],
            well(),
            TIMEOUT,
            1,
            2,
        ),
        then(
            "something else at the next request",
            vec![Read, say("SSH-2.0\r\n"), Hang],
            well(),
            MALFORMED,
            1,
            2,
        ),
        then(
            "ended when the next request comes, and ended again",
            vec![Read, End],
            vec![Read, End],
            BROKEN,
            2,
            3,
        ),
        then(
            "ended when the next request comes, then an error",
            vec![Read, End],
            vec![Read, say("HTTP/1.1 500 Oh\r\n\r\n"), Hang],
            Status(500),
            2,
            3,
        ),
    ]
}
