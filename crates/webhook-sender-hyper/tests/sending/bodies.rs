//! The first KiB of a failed answer is told with it, and changes nothing about it.

use std::time::{Duration, Instant};

use webhook_domain::delivery::attempt::BodyStart;
use webhook_domain::ports::Sender as _;

use crate::fixtures::{answered, parcel};
use crate::scripted::Act::{self, Drip, End, Hang, Read, Reset, Wait};
use crate::scripted::{Scripted, say, sender, sender_with};

fn start(text: &str) -> BodyStart {
    let mut start = BodyStart::default();
    start.add(text.as_bytes());
    start
}

const GONE: &str = "HTTP/1.1 410 Gone\r\nRetry-After: 7\r\n";

#[tokio::test]
async fn the_first_kib_of_a_failed_answer_is_told_and_the_head_decides() {
    let long = "x".repeat(100_000);
    let with = |rest: &str| say(format!("{GONE}{rest}"));
    let rows: Vec<(&str, Vec<Act>, BodyStart)> = vec![
        (
            "a short one",
            vec![Read, with("Content-Length: 3\r\n\r\nwhy"), Hang],
            start("why"),
        ),
        (
            "none",
            vec![Read, with("Content-Length: 0\r\n\r\n"), Hang],
            start(""),
        ),
        (
            "a long one",
            vec![Read, with(&format!("Content-Length: 100000\r\n\r\n{long}")), Hang],
            start(&long),
        ),
        (
            "chunks",
            vec![
                Read,
                with("Transfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n"),
                Wait(20),
                say("1\r\ny\r\n0\r\n\r\n"),
                Hang,
            ],
            start("why"),
        ),
        ("until the end", vec![Read, with("\r\nwhy"), End], start("why")),
        (
            "cut short",
            vec![Read, with("Content-Length: 9\r\n\r\nwhy"), End],
            start("why"),
        ),
        (
            "reset",
            vec![Read, with("Content-Length: 9\r\n\r\n"), Wait(20), Reset],
            start(""),
        ),
        (
            "that never comes",
            vec![Read, with("Content-Length: 9\r\n\r\n"), Hang],
            start(""),
        ),
        (
            "that stops",
            vec![Read, with("Content-Length: 9\r\n\r\nwhy"), Hang],
            start("why"),
        ),
        (
            "chunks that are none",
            vec![
                Read,
                with("Transfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\nzz\r\n"),
                Hang,
            ],
            start("why"),
        ),
    ];
    for (name, script, expected) in rows {
        for is_probe in [false, true] {
            let receiver = Scripted::start(vec![script.clone()]).await;
            let url = format!("http://{}/", receiver.address);
            let mut parcel = parcel(&url).unwrap();
            parcel.is_probe = is_probe;
            let response = sender().send(parcel).await.unwrap();
            assert_eq!(response.outcome, answered(410), "{name}");
            assert_eq!(response.retry_after, Some(Duration::from_secs(7)), "{name}");
            assert_eq!(response.body, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_body_that_drips_is_not_waited_for_beyond_the_attempts_limit() {
    let script = vec![Read, say(format!("{GONE}\r\n")), Drip("x")];
    let receiver = Scripted::start(vec![script]).await;
    let sender = sender_with(|limits| limits.body_timeout = Duration::from_secs(60));
    let began = Instant::now();
    let url = format!("http://{}/", receiver.address);
    let response = sender.send(parcel(&url).unwrap()).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "the attempt's limit is 400 ms"
    );
    assert_eq!(
        (response.outcome, response.retry_after),
        (answered(410), Some(Duration::from_secs(7)))
    );
    assert!(
        response.body.wants() < BodyStart::MAX_BYTES,
        "what has come is told"
    );
}

#[tokio::test]
async fn what_a_success_says_is_not_told() {
    let answer = say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let receiver = Scripted::start(vec![vec![Read, answer, Hang]]).await;
    let response = sender()
        .send(parcel(&format!("http://{}/", receiver.address)).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (response.outcome, response.body),
        (answered(200), BodyStart::default())
    );
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_failed_answer_that_was_read_to_its_end() {
    let answer = || say("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n0\r\n\r\n");
    let receiver = Scripted::start(vec![vec![Read, answer(), Read, answer(), Hang]]).await;
    let sender = sender();
    for _ in 0..2 {
        let response = sender
            .send(parcel(&format!("http://{}/", receiver.address)).unwrap())
            .await
            .unwrap();
        assert_eq!((response.outcome, response.body), (answered(503), start("why")));
    }
    assert_eq!(Scripted::count(&receiver.made), 1);
}
