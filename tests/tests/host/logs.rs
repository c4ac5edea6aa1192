//! A log that cannot be written, or not at once, stops, slows and ends nothing.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, pipe},
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use webhook_tests::{Backend, Client, Deployment, clock::wait_for, fixtures::new_webhook};

use super::process::{PATIENCE, Process};

const EXEC: &str = "exec \"$@\"";

/// Creates so many webhooks; each request leaves lines in a log that tells all.
#[track_caller]
fn create_webhooks(client: &Client, count: usize) {
    for _ in 0..count {
        let created = client.post("/v1/webhooks").json(&new_webhook()).send();
        created.expect_status(201);
    }
}

/// A deployment that logs `filter`, with a key for its clients.
fn deployment(backend: Backend, filter: &str) -> (Deployment, String) {
    let deployment = Deployment::new(backend).with("WEBHOOK_LOG", filter);
    let key = deployment.create_key(
        "default",
        &["WEBHOOK.CREATE", "WEBHOOK.VIEW"],
        &["--log", "error"],
    );
    (deployment, key)
}

fn client(process: &Process, key: &str) -> Client {
    Client::with_key(process.client().address(), key)
}

fn full_device() -> Stdio {
    let device = OpenOptions::new().write(true).open("/dev/full");
    device.expect("there is a /dev/full").into()
}

/// The lines of a log, each of which must be JSON by itself.
#[track_caller]
fn lines(log: &str) -> Vec<serde_json::Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    log.lines().map(parse).collect()
}

#[track_caller]
fn serves_and_stops(process: Process, key: &str) {
    create_webhooks(&client(&process, key), 20);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_service_whose_log_is_on_a_full_device_goes_on() {
    let (mut deployment, key) = deployment(Backend::Sqlite, "trace");
    let process = Process::start(&mut deployment, EXEC, full_device());
    serves_and_stops(process, &key);
}

#[test]
fn a_service_whose_logs_reader_has_died_goes_on() {
    let (mut deployment, key) = deployment(Backend::Sqlite, "trace");
    let (reader, writer) = pipe().expect("a pipe");
    let process = Process::start(&mut deployment, EXEC, writer.into());
    drop(reader);
    serves_and_stops(process, &key);
}

#[test]
fn a_service_whose_log_is_closed_goes_on() {
    let (mut deployment, key) = deployment(Backend::Sqlite, "trace");
    let process = Process::start(&mut deployment, "exec \"$@\" 2>&- >&-", Stdio::null());
    serves_and_stops(process, &key);
}

#[test]
fn a_service_whose_log_nobody_reads_goes_on_and_stops_and_says_what_was_dropped() {
    let (mut deployment, key) = deployment(Backend::Sqlite, "trace,actix_http=trace");
    let (mut reader, writer) = pipe().expect("a pipe");
    let process = Process::start(&mut deployment, EXEC, writer.into());
    let begun = Instant::now();
    // Some 4 kB each: more than what may wait.
    create_webhooks(&client(&process, &key), 400);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    let reading = std::thread::spawn(move || {
        let mut log = String::new();
        reader.read_to_string(&mut log).map(|_| log)
    });
    // What waited is written now, and what is logged after it says what is missing.
    std::thread::sleep(Duration::from_millis(500));
    create_webhooks(&client(&process, &key), 1);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
    let log = reading.join().expect("it reads").expect("the log can be read");
    let lines = lines(&log);
    let dropped: u64 = lines.iter().filter_map(|line| line["log.dropped"].as_u64()).sum();
    assert!(
        dropped > 0,
        "{} lines, and none says what was dropped",
        lines.len()
    );
    let last = lines.last().expect("a log");
    assert_eq!(
        last["message"], "stopped",
        "what was accepted is written at a stop"
    );
}

#[test]
fn a_stop_does_not_wait_for_the_reader_of_a_log() {
    let (mut deployment, key) = deployment(Backend::Sqlite, "debug");
    let (reader, writer) = pipe().expect("a pipe");
    let process = Process::start(&mut deployment, EXEC, writer.into());
    create_webhooks(&client(&process, &key), 240);
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
    drop(reader);
}

#[test]
fn a_log_that_can_be_written_again_says_how_many_lines_are_missing() {
    says_how_many_lines_are_missing("debug");
}

/// The notice is no event like others: it is there though warnings are left out.
#[test]
fn a_log_of_errors_alone_says_how_many_lines_are_missing() {
    says_how_many_lines_are_missing("error,webhook_http_actix=debug");
}

/// The log's file may grow to 8 KiB, as on a full disk: the database is elsewhere.
#[track_caller]
fn says_how_many_lines_are_missing(filter: &str) {
    let (mut deployment, key) = deployment(Backend::Postgres, filter);
    let path = deployment.directory().join("log");
    let log = OpenOptions::new().create(true).append(true).open(&path);
    let limited = "ulimit -f 16; exec \"$@\"";
    let process = Process::start(&mut deployment, limited, log.expect("a file").into());
    create_webhooks(&client(&process, &key), 60);
    let text = || fs::read_to_string(&path).expect("the log can be read");
    let full = text();
    assert!((7_000..=8_192).contains(&full.len()), "{}", full.len());
    // As logrotate does with copytruncate.
    File::options()
        .write(true)
        .open(&path)
        .and_then(|log| log.set_len(0))
        .expect("a log can be emptied");
    let requests = |log: &str| log.matches("\"a request was answered\"").count() as u64;
    // What could not be written is dropped, a line at a time, and may not have been reached yet.
    let dropped = wait_for("each line is there or told of", PATIENCE, || {
        let log = text();
        let dropped = log.contains("log lines were dropped").then(|| {
            let lines = lines(log.trim_start());
            lines.iter().find_map(|line| line["log.dropped"].as_u64())
        })??;
        let (before, after) = (requests(&full), requests(&log));
        (before + dropped + after >= 60).then_some(dropped)
    });
    assert!(dropped > 0);
    serves_and_stops(process, &key);
}

#[test]
fn a_start_that_fails_says_so_and_keeps_its_status_when_nobody_can_read_it() {
    let deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_LISTEN", "nonsense");
    let mut command = deployment.command(&[]);
    let status = command.stderr(full_device()).status().expect("it runs");
    assert_eq!(status.code(), Some(2));
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = occupied.local_addr().expect("an address").to_string();
    let deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_LISTEN", &address);
    let mut command = deployment.command(&[]);
    assert_eq!(
        command.stderr(full_device()).status().expect("it runs").code(),
        Some(1)
    );
    // Where it can be read, it is the last line.
    let ended = deployment.serve_in_vain();
    let last = ended.stderr.lines().last().expect("a line");
    assert!(
        last.starts_with("webhook-server: ") && last.contains(&address),
        "{last}"
    );
}

#[test]
fn a_command_whose_answer_cannot_be_written_says_so() {
    let deployment = Deployment::new(Backend::Sqlite);
    for arguments in [&["openapi"][..], &["completions", "bash"], &["migrate"]] {
        let output = deployment
            .command(arguments)
            .stdout(full_device())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("cannot write the answer"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
