use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use webhook_domain::id::RequestId;

use super::*;
use crate::logging::line::JsonLine;

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `log` leaves when it is told by `tell`, and then ends its period.
fn lines(accesses: Accesses, tell: impl FnOnce(&AccessLog)) -> Vec<Value> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .event_format(JsonLine)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let log = AccessLog::new(accesses);
        tell(&log);
        log.end_period();
        log.end_period();
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn id() -> RequestId {
    "r".parse().unwrap()
}

/// Tells `log` of a request on `platform`, if its client is known.
fn tell(log: &AccessLog, method: &'static str, route: &'static str, status: u16, platform: Option<&str>) {
    let id = id();
    let platform: Option<PlatformId> = platform.map(|platform| platform.parse().unwrap());
    let mut request = ObservedRequest::new(method, route, Duration::from_micros(1_234), &id);
    request.platform = platform.as_ref();
    request.credential = platform.as_ref().map(|_| &Credential::CommandLine);
    log.answered(&request, &Answered::of(status));
}

#[test]
fn what_is_logged_is_what_was_asked_for() {
    let all = [
        ("GET", "/v1/webhooks", 200),
        ("GET", "/v1/webhooks/{resourceId}", 404),
        ("POST", "/v1/webhooks", 201),
        ("DELETE", "/v1/webhooks/{resourceId}", 200),
        ("POST", "/v1/events", 202),
        ("POST", "/v1/events", 400),
        ("PATCH", "/v1/webhooks/{resourceId}/secret-key", 503),
        ("GET", "/health/ready", 503),
        ("GET", "/health/live", 200),
    ];
    let logged = |accesses| {
        let lines = lines(accesses, |log| {
            for (method, route, status) in all {
                tell(log, method, route, status, Some("acme"));
            }
        });
        let statuses: Vec<_> = lines
            .iter()
            .map(|line| line["http.status"].as_u64().unwrap_or_default())
            .collect();
        statuses
    };
    assert_eq!(
        logged(Accesses::All),
        [200, 404, 201, 200, 202, 400, 503, 503, 200]
    );
    assert_eq!(logged(Accesses::Errors), [404, 400, 503]);
    // The last line is the sum of publications.
    assert_eq!(logged(Accesses::Changes), [404, 201, 200, 400, 503, 0]);
}

#[test]
fn a_line_has_what_is_known_of_a_request() {
    let lines = lines(Accesses::Changes, |log| {
        tell(log, "PATCH", "/v1/webhooks/{resourceId}", 200, Some("acme"));
        tell(log, "PATCH", "/v1/webhooks/{resourceId}", 401, None);
        tell(log, "PATCH", "/v1/webhooks/{resourceId}", 503, Some("acme"));
    });
    let [changed, refused, failed] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (
            &changed["request.id"],
            &changed["platform"],
            &changed["credential.id"]
        ),
        (&"r".into(), &"acme".into(), &"command-line".into())
    );
    assert_eq!(changed["http.route"], "/v1/webhooks/{resourceId}");
    assert_eq!(changed["duration_ms"], 1.234);
    assert_eq!(
        (&refused["platform"], &refused["credential.id"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&changed["level"], &failed["level"]),
        (&"INFO".into(), &"ERROR".into())
    );
}

#[test]
fn publications_are_summed_up_by_platform() {
    let lines = lines(Accesses::Changes, |log| {
        for (platform, count) in [("acme", 3), ("globex", 5), ("initech", 1)] {
            (0..count).for_each(|_| tell(log, "POST", "/v1/events", 202, Some(platform)));
        }
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(line["publications"], 9);
    assert_eq!(line["platforms"], "globex=5 acme=3 initech=1");
    assert_eq!(line["publications.others"], Value::Null);
}

#[test]
fn a_line_of_sums_names_few_platforms_and_counts_all() {
    let lines = lines(Accesses::Changes, |log| {
        for number in 0..1500 {
            tell(log, "POST", "/v1/events", 202, Some(&format!("p{number}")));
        }
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let named = line["platforms"].as_str().unwrap().split(' ').count();
    assert_eq!((named, &line["publications.others"]), (20, &1480.into()));
}

#[test]
fn a_flood_of_refusals_is_cut_off_and_hides_nothing_of_others() {
    let lines = lines(Accesses::Changes, |log| {
        (0..1000).for_each(|_| tell(log, "POST", "/v1/events", 401, None));
        tell(log, "POST", "/v1/webhooks", 409, Some("acme"));
        tell(log, "POST", "/v1/webhooks", 500, Some("acme"));
    });
    let count = |status: u16| lines.iter().filter(|line| line["http.status"] == status).count();
    assert_eq!((count(401), count(409), count(500)), (250, 1, 1));
    let left_out: Vec<_> = lines
        .iter()
        .filter_map(|line| line["lines.left_out"].as_u64())
        .collect();
    assert_eq!(left_out, [750]);
}

#[test]
fn a_request_that_nobody_waited_for_has_a_line_if_it_may_have_changed_something() {
    let abandoned = |accesses, method| {
        let id = id();
        let request = ObservedRequest::new(method, "/v1/webhooks", Duration::ZERO, &id);
        lines(accesses, |log| log.abandoned(&request)).len()
    };
    assert_eq!(
        (
            abandoned(Accesses::Changes, "POST"),
            abandoned(Accesses::Changes, "GET")
        ),
        (1, 0)
    );
    assert_eq!(abandoned(Accesses::All, "GET"), 1);
}

#[test]
fn the_subject_of_a_token_cannot_pass_for_anything_else() {
    let shown = |subject: &str| plain(&format!("jwt:{subject}").parse().unwrap());
    assert_eq!(shown("billing@acme Zoë 中"), "jwt:billing@acme Zoë 中");
    assert_eq!(
        shown("a\u{2028}{\"level\":\"INFO\"}\u{202e}"),
        "jwt:a\\u{2028}{\"level\":\"INFO\"}\\u{202e}"
    );
}
