//! `demo`: what it promises on its last line is true, and nothing of it is left.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use webhook_tests::{Backend, Deployment, book, clock::wait_for, server::run};

/// For a demo of six seconds, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(100);

/// A demo that has its temporary directory in `place`, an empty directory.
fn demo(place: &Deployment, arguments: &[&str]) -> Command {
    let written = book::block("readme:demo");
    let (_, typed) = written.split_once(" -- ").expect("what cargo hands on");
    let mut command = place.command(&[typed.trim()]);
    command.args(arguments).env("TMPDIR", place.directory());
    command
}

/// The processes whose working directory is in `place`, also when it has been removed.
fn processes_in(place: &Deployment) -> Vec<PathBuf> {
    let demos = place.directory().join("webhook-demo-");
    let demos = demos.to_string_lossy().into_owned();
    fs::read_dir("/proc")
        .expect("there is a /proc")
        .flatten()
        .map(|entry| entry.path())
        .filter(|process| {
            let directory = fs::read_link(process.join("cwd"));
            directory.is_ok_and(|directory| directory.to_string_lossy().starts_with(&demos))
        })
        .collect()
}

#[track_caller]
fn assert_nothing_is_left(place: &Deployment) {
    let left = fs::read_dir(place.directory()).expect("it can be read").count();
    assert_eq!(left, 0, "files in {:?}", place.directory());
    assert_eq!(processes_in(place), Vec::<PathBuf>::new());
}

#[test]
fn a_roll_and_a_crash_under_load_lose_nothing() {
    let place = Deployment::new(Backend::Sqlite);
    let ended = run(demo(&place, &["--seconds", "6", "--json"]), PATIENCE);
    let tally: Value = serde_json::from_str(ended.expect_success()).expect("the tally is JSON");
    assert_eq!(tally["sent"], 240, "forty events a second: {tally}");
    assert_eq!(tally["verified"], tally["sent"], "{tally}");
    assert_eq!(
        (tally["lost"].as_u64(), tally["rejected"].as_u64()),
        (Some(0), Some(0)),
        "{tally}"
    );

    let by = |key: &str| -> u64 {
        let seconds = tally["timeline"].as_array().expect("a timeline");
        seconds
            .iter()
            .map(|second| second[key].as_u64().expect("a number"))
            .sum()
    };
    assert!(by("old") > 0 && by("new") > 0, "{tally}");
    let all = tally["sent"].as_u64().unwrap() + tally["duplicates"].as_u64().unwrap();
    assert_eq!(by("old") + by("new"), all, "{tally}");
    assert!(
        tally["verified_by_old_key_after_roll"].as_u64() > Some(0),
        "{tally}"
    );
    assert!(
        tally["publish_retries"].as_u64() > Some(0),
        "the server was down: {tally}"
    );
    assert_ne!(tally["fingerprints"]["old"], tally["fingerprints"]["new"]);
    let milestones = tally["milestones"].as_array().expect("milestones");
    let names: Vec<_> = milestones
        .iter()
        .map(|milestone| milestone["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        names[..5],
        ["created", "rolled", "kept", "switched", "adopted"],
        "{tally}"
    );

    assert!(!ended.output().contains("whsec_"), "a secret is shown");
    assert!(
        !ended.output().contains('\u{1b}'),
        "control codes where there is no terminal"
    );
    assert_nothing_is_left(&place);
}

#[test]
fn a_demo_that_is_interrupted_cleans_up() {
    let place = Deployment::new(Backend::Sqlite);
    let mut child: Child = demo(&place, &[])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    wait_for("the demo has a server", PATIENCE, || {
        Some(()).filter(|()| !processes_in(&place).is_empty())
    });
    let began = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).expect("it can be signalled");
    let status = child.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_nothing_is_left(&place);
}

#[test]
fn a_demo_takes_six_to_fifty_seconds() {
    let place = Deployment::new(Backend::Sqlite);
    for wrong in ["5", "51", "x"] {
        let ended = run(demo(&place, &["--seconds", wrong]), PATIENCE);
        assert_eq!(ended.code(), 2, "{wrong}: {}", ended.output());
    }
    assert_nothing_is_left(&place);
}
