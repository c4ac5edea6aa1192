//! What receivers do with an event, what that is recorded as, and what becomes of the webhook.

use std::time::Duration;

use time::{OffsetDateTime, format_description::FormatItem, macros::format_description};
use webhook_tests::{clock, receiver::Conduct};

use Conduct::{Answer, Drip, HangUp, Reset, Say, SayAndHang, SayAndHangUp};

/// Where a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On loopback, which the deployment allows.
    Allowed,
    /// Behind TLS, with a certificate that nobody trusts.
    Untrusted,
    /// At an address that the deployment has denied since the webhook was created.
    Denied,
    /// Nowhere: its port is closed.
    Closed,
}

/// What an attempt is recorded as: its status and its cause.
pub(crate) type Recorded = (Option<u64>, Option<&'static str>);

/// How long a delivery that failed waits, without its jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// So many seconds from the end of the attempt.
    Seconds(i64),
    /// Until this second since 1970.
    Until(i64),
}

/// What becomes of the first event, and so of the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is delivered by its first attempt, and the next one's turn comes.
    Delivered,
    /// It is delivered by its last recorded attempt, after these waits, none of which is the schedule's.
    SentAgain(&'static [i64]),
    /// It waits in the penalty box, and the next one behind it.
    HeldUp(Wait),
    /// The webhook is inactive, and both wait.
    Gone,
}

/// A receiver, which answers 204 once it has done this.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) conduct: Vec<Conduct>,
    /// The attempts at the first event that fail.
    pub(crate) fails: Vec<Recorded>,
    pub(crate) fate: Fate,
    /// How many requests the receiver reads until both events are settled, or wait.
    pub(crate) reads: usize,
}

fn delivered(name: &'static str, first: Conduct) -> Row {
    Row {
        name,
        place: Place::Allowed,
        conduct: vec![first],
        fails: Vec::new(),
        fate: Fate::Delivered,
        reads: 2,
    }
}

/// A connection that is kept, and does this when the second event comes on it.
fn kept(name: &'static str, second: Conduct) -> Row {
    Row {
        conduct: vec![Answer(200), second],
        reads: 3,
        ..delivered(name, Answer(200))
    }
}

fn held_up(name: &'static str, first: Conduct, recorded: Recorded, wait: Wait) -> Row {
    Row {
        fails: vec![recorded],
        fate: Fate::HeldUp(wait),
        reads: 1,
        ..delivered(name, first)
    }
}

/// One that never comes to read a request.
fn unreachable(name: &'static str, place: Place, cause: &'static str) -> Row {
    Row {
        place,
        conduct: Vec::new(),
        reads: 0,
        ..held_up(name, HangUp, (None, Some(cause)), ORDINARY)
    }
}

fn sent_again(name: &'static str, status: u64, conduct: Vec<Conduct>, waits: &'static [i64]) -> Row {
    Row {
        fails: vec![of(status); conduct.len()],
        reads: conduct.len() + 2,
        conduct,
        fate: Fate::SentAgain(waits),
        ..delivered(name, HangUp)
    }
}

fn gone(name: &'static str, first: Conduct) -> Row {
    Row {
        fails: vec![of(410)],
        fate: Fate::Gone,
        reads: 1,
        ..delivered(name, first)
    }
}

/// The wait before the first retry.
const ORDINARY: Wait = Wait::Seconds(120);
/// The longest that a receiver may wish for.
const LONGEST: Wait = Wait::Seconds(8 * 60 * 60);
const TIMEOUT: Recorded = (None, Some("TIMEOUT"));
const BROKEN: Recorded = (None, Some("CONNECTION"));
const MALFORMED: Recorded = (None, Some("MALFORMED_ANSWER"));

const fn of(status: u64) -> Recorded {
    (Some(status), Some("STATUS_CODE"))
}

/// The head of an answer with these lines, and no more.
fn head(status: u16, lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Said\r\n{lines}\r\n").into_bytes()
}

/// A whole answer with a wish.
fn wishing(status: u16, retry_after: &str) -> Conduct {
    Say(head(
        status,
        &format!("Retry-After: {retry_after}\r\nContent-Length: 0\r\n"),
    ))
}

/// A date as HTTP writes it (RFC 9110 §5.6.7).
fn http_date(unix: i64) -> String {
    const IMF_FIXDATE: &[FormatItem<'_>] = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let at = OffsetDateTime::from_unix_timestamp(unix).expect("an instant of this century");
    at.format(IMF_FIXDATE).expect("a date can be written")
}

/// All of them.
pub(crate) fn all() -> Vec<Row> {
    let (soon, later, past) = (clock::now() + 90, clock::now() + 3600, clock::now() - 3600);
    [
        successes(),
        refusals(),
        back_pressure(past),
        wishes(soon, later),
        no_answers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn successes() -> Vec<Row> {
    let hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 Fine\r\n\r\n";
    vec![
        delivered("200", Answer(200)),
        delivered("204", Answer(204)),
        delivered("299", Answer(299)),
        delivered("103 before the answer", Say(hints.to_vec())),
        delivered(
            "200 and a body that never comes",
            SayAndHang(head(200, "Content-Length: 1\r\n")),
        ),
        delivered(
            "202 and a body that drips",
            Drip(head(202, "Content-Length: 9999\r\n")),
        ),
        delivered(
            "201 and a body until the end of the connection",
            SayAndHangUp(head(201, "")),
        ),
        delivered(
            "a head that is mended",
            Say(head(200, "X-Foo : bar\r\n: none\r\nContent-Length: 0\r\n")),
        ),
        kept("a kept connection that ends at the next event", HangUp),
        kept("a kept connection that is reset at the next event", Reset),
    ]
}

fn refusals() -> Vec<Row> {
    let mut rows: Vec<_> = [301, 304, 400, 401, 404, 500, 502, 503, 600]
        .into_iter()
        .map(|status| held_up("a status", Answer(status), of(status.into()), ORDINARY))
        .collect();
    rows.extend([
        gone("410", Answer(410)),
        gone(
            "410 and a body that drips",
            Drip(head(410, "Content-Length: 9999\r\n")),
        ),
        gone("410 with a wish", wishing(410, "60")),
    ]);
    rows
}

/// 429, and 503 with a wish: the receiver takes no more for the moment.
fn back_pressure(past: i64) -> Vec<Row> {
    let past = http_date(past);
    let dripping = |status| Drip(head(status, "Retry-After: 3\r\nContent-Length: 9999\r\n"));
    vec![
        sent_again("429", 429, vec![Answer(429)], &[1]),
        sent_again("429 three times", 429, vec![Answer(429); 3], &[1, 2, 4]),
        sent_again("429 with 1", 429, vec![wishing(429, "1"); 3], &[1, 1, 1]),
        sent_again("429 with 0", 429, vec![wishing(429, "0")], &[1]),
        sent_again("429 with 5", 429, vec![wishing(429, "5")], &[5]),
        sent_again(
            "429 with a date that is past",
            429,
            vec![wishing(429, &past)],
            &[1],
        ),
        sent_again("429 with a negative wish", 429, vec![wishing(429, "-7")], &[1]),
        sent_again("429 with no wish at all", 429, vec![wishing(429, "soon")], &[1]),
        sent_again("429 and a body that drips", 429, vec![dripping(429)], &[3]),
        sent_again("503 with 1", 503, vec![wishing(503, "1"); 2], &[1, 1]),
        sent_again("503 with 0", 503, vec![wishing(503, "0")], &[1]),
        sent_again(
            "503 with a date that is past",
            503,
            vec![wishing(503, &past)],
            &[1],
        ),
        sent_again("503 and a body that drips", 503, vec![dripping(503)], &[3]),
    ]
}

/// Wishes that are longer than the test, and those that are none.
fn wishes(soon: i64, later: i64) -> Vec<Row> {
    let asking =
        |name, status: u16, wish: &str, wait| held_up(name, wishing(status, wish), of(status.into()), wait);
    let (soon_date, later_date) = (http_date(soon), http_date(later));
    let huge = "99999999999999999999999999";
    vec![
        asking("429 with 60", 429, "60", Wait::Seconds(60)),
        asking("429 with 200", 429, "200", Wait::Seconds(200)),
        asking("429 with a date", 429, &soon_date, Wait::Until(soon)),
        asking("429 with a huge wish", 429, huge, LONGEST),
        asking("503 with 90", 503, "90", Wait::Seconds(90)),
        asking("503 with a date", 503, &later_date, Wait::Until(later)),
        asking("503 with a huge wish", 503, huge, LONGEST),
        asking("503 with a negative wish", 503, "-5", ORDINARY),
        asking("503 with no wish at all", 503, "a while", ORDINARY),
        asking("500 with a short wish", 500, "1", ORDINARY),
        asking("500 with a long wish", 500, "600", Wait::Seconds(600)),
        asking("404 with a date", 404, &later_date, Wait::Until(later)),
        asking("301 with a huge wish", 301, huge, LONGEST),
    ]
}

fn no_answers() -> Vec<Row> {
    let pause = Duration::from_secs(60);
    vec![
        held_up("silence", SayAndHang(Vec::new()), TIMEOUT, ORDINARY),
        held_up(
            "an answer far too late",
            Conduct::AnswerAfter(pause, 204),
            TIMEOUT,
            ORDINARY,
        ),
        held_up(
            "a head that drips",
            Drip(b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec()),
            TIMEOUT,
            ORDINARY,
        ),
        held_up("ended without an answer", HangUp, BROKEN, ORDINARY),
        held_up("reset without an answer", Reset, BROKEN, ORDINARY),
        held_up(
            "ended within the head",
            SayAndHangUp(b"HTTP/1.1 200 OK\r\nConte".to_vec()),
            BROKEN,
            ORDINARY,
        ),
        held_up(
            "another protocol",
            SayAndHang(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
            MALFORMED,
            ORDINARY,
        ),
        held_up(
            "NUL in a header",
            Say(head(200, "X-Foo: a\0b\r\nContent-Length: 0\r\n")),
            MALFORMED,
            ORDINARY,
        ),
        held_up(
            "two lengths that differ",
            Say(head(200, "Content-Length: 1\r\nContent-Length: 2\r\n")),
            MALFORMED,
            ORDINARY,
        ),
        unreachable(
            "a certificate that nobody trusts",
            Place::Untrusted,
            "TLS_UNKNOWN_ISSUER",
        ),
        unreachable("an address that is denied", Place::Denied, "FORBIDDEN_ADDRESS"),
        unreachable("a port that is closed", Place::Closed, "CONNECTION"),
    ]
}
