//! Answers, from those that are HTTP to the letter to those whose body is odd.

use super::Comes::{Status, Wish};
use super::{Row, answering, conducting, with_head_of, with_headers};
use crate::fixtures::OK;
use crate::scripted::Act::{Drip, End, Hang, Read, Reset, Wait};
use crate::scripted::say;

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
