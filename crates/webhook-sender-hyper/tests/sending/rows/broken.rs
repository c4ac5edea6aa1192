//! Heads that are mended or refused, and connections that break.

use super::Comes::{Status, Wish};
use super::{BROKEN, MALFORMED, Row, TIMEOUT, answering, conducting, with_head_of, with_headers};
use crate::fixtures::OK;
use crate::scripted::Act::{self, Drip, End, Hang, Read, Reset, Wait};
use crate::scripted::say;

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
