//! Signals as shells, terminals and supervisors send them.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;
use webhook_tests::{
    Backend, Client, Deployment, Server, Service,
    clock::wait_for,
    fixtures::{create, update},
    raw::Connection,
};

use super::process::{PATIENCE, Process, free_address};

fn said(server: &Server, text: &str) {
    wait_for(&format!("it says {text:?}"), PATIENCE, || {
        server.output().contains(text).then_some(())
    });
}

/// A deployment whose actions are in a file.
fn with_actions(actions: &str) -> Deployment {
    let deployment = Deployment::new(Backend::Sqlite);
    let file = deployment.directory().join("actions");
    fs::write(&file, actions).expect("a file");
    let file = file.to_string_lossy().into_owned();
    deployment.with("WEBHOOK_ACTIONS_FILE", &file)
}

#[track_caller]
fn publish(client: &Client, action: &str) -> u16 {
    let event = json!({"type": action, "data": {}});
    client.post("/v1/events").json(&event).send().status
}

#[test]
fn hanging_up_reads_the_actions_anew_and_ends_nothing() {
    let service = Service::start_on(with_actions("ORDER.SHIPPED\n"));
    let client = service.client();
    assert_eq!(publish(&client, "ORDER.LOST"), 400);
    let file = service.deployment().directory().join("actions");
    fs::write(&file, "ORDER.SHIPPED\nORDER.LOST\n").expect("a file");
    service.server().hang_up();
    wait_for("the new action is known", PATIENCE, || {
        (publish(&client, "ORDER.LOST") == 202).then_some(())
    });
    let listed = client.get("/v1/webhooks/actions").send().expect_status(200);
    assert!(listed.text().contains("ORDER.LOST"), "{}", listed.shown());
}

#[test]
fn a_bad_file_at_a_hang_up_changes_nothing_and_is_named() {
    let service = Service::start_on(with_actions("ORDER.SHIPPED\n"));
    let client = service.client();
    let file = service.deployment().directory().join("actions");
    for (content, problem) in [
        (Some("ORDER.SHIPPED\norder lost\n"), "is wrong in line 2"),
        (Some("# nothing\n"), "must have 1 to 10000 actions"),
        (None, "cannot be read"),
    ] {
        match content {
            Some(content) => fs::write(&file, content).expect("a file"),
            None => fs::remove_file(&file).expect("the file goes"),
        }
        service.server().hang_up();
        said(service.server(), problem);
        assert_eq!(publish(&client, "ORDER.SHIPPED"), 202);
        assert_eq!(publish(&client, "ORDER.LOST"), 400);
    }
    let output = service.server().output();
    let lines: Vec<_> = output.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines.iter().all(|line| line.contains("stay in force")),
        "{lines:?}"
    );
}

/// A request that is under way: all of it is sent but its end.
struct UnderWay {
    connection: Connection,
    rest: Vec<u8>,
}

impl UnderWay {
    fn begin(service: &Service) -> Self {
        let client = service.client();
        let webhook = create(&client);
        let wire = client.patch(&webhook.secret_path()).json(&update()).wire();
        let (begun, rest) = wire.split_at(wire.len() - 5);
        let mut connection = Connection::open(client.address()).expect("it connects");
        connection.send(begun).expect("it sends");
        // A request that comes after it was answered: the server has seen this one.
        client.get(&webhook.path()).send().expect_status(200);
        std::thread::sleep(Duration::from_millis(300));
        Self {
            connection,
            rest: rest.to_owned(),
        }
    }

    fn finish(mut self) {
        self.connection
            .send(&self.rest)
            .expect("the request can be finished");
        let answer = self.connection.read_answer().expect("and is answered");
        answer.expect_status(200);
    }
}

#[test]
fn a_stop_that_comes_as_several_signals_is_one_stop() {
    let mut service = Service::start(Backend::Sqlite);
    let request = UnderWay::begin(&service);
    let server = service.take_server();
    server.terminate();
    said(&server, "stopping; requests");
    server.terminate();
    server.interrupt();
    server.hang_up();
    std::thread::sleep(Duration::from_millis(300));
    request.finish();
    let ended = server.wait();
    assert_eq!(ended.code(), 0, "{}", ended.output());
    assert!(ended.stderr.contains("\"stopped\""), "{}", ended.stderr);
}

#[test]
fn a_signal_that_comes_later_ends_at_once() {
    let mut service = Service::start_on(Deployment::new(Backend::Sqlite).with("WEBHOOK_STOP_TIMEOUT", "60"));
    let request = UnderWay::begin(&service);
    let mut server = service.take_server();
    server.interrupt();
    said(&server, "stopping; requests");
    std::thread::sleep(Duration::from_millis(2_100));
    assert!(!server.has_ended(), "a request is under way");
    server.terminate();
    let ended = server.wait();
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(ended.stderr.contains("stopping at once"), "{}", ended.stderr);
    drop(request);
}

/// A server that waits for its database: its start takes as long as a test wants.
fn starting() -> (Deployment, std::process::Child) {
    let url = format!("postgres://webhook@{}/webhook", free_address());
    let deployment = Deployment::new(Backend::Postgres)
        .with("WEBHOOK_DATABASE_URL", &url)
        .with("WEBHOOK_WAIT_FOR_DATABASE", "600");
    let log = fs::File::create(deployment.directory().join("log")).expect("a file");
    let child = deployment.command(&[]).stderr(log).spawn().expect("it runs");
    wait_for("it waits for its database", PATIENCE, || {
        let log = fs::read_to_string(deployment.directory().join("log")).expect("a log");
        log.contains("not up yet").then_some(())
    });
    (deployment, child)
}

#[test]
fn a_start_is_stopped_promptly_and_goes_on_when_its_terminal_is_gone() {
    for stop in [Signal::TERM, Signal::INT] {
        let (deployment, mut child) = starting();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, Signal::HUP).expect("it runs");
        std::thread::sleep(Duration::from_millis(300));
        assert!(
            child.try_wait().expect("a child").is_none(),
            "SIGHUP does not end it"
        );
        rustix::process::kill_process(pid, stop).expect("it runs");
        let begun = Instant::now();
        let status = wait_for("it ends", PATIENCE, || child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0), "{stop:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        drop(deployment);
    }
}

#[test]
fn a_server_under_nohup_goes_on() {
    let mut deployment = Deployment::new(Backend::Sqlite);
    let mut process = Process::start(&mut deployment, "trap '' HUP; exec \"$@\"", Stdio::null());
    process.signal(Signal::HUP);
    process.signal(Signal::HUP);
    process.wait_until_ready();
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_file_size_limit_and_a_broken_pipe_are_no_signals_to_end() {
    let mut deployment = Deployment::new(Backend::Sqlite);
    let mut process = Process::start(&mut deployment, "exec \"$@\"", Stdio::null());
    process.signal(Signal::XFSZ);
    process.signal(Signal::PIPE);
    process.wait_until_ready();
    process.signal(Signal::TERM);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_new_master_key_is_finished_though_the_terminal_is_gone() {
    let deployment = Deployment::new(Backend::Sqlite);
    deployment.run(&["migrate"]).expect_success();
    let log = fs::File::create(deployment.directory().join("log")).expect("a file");
    let mut child = deployment
        .command(&["rekey"])
        .stderr(log)
        .spawn()
        .expect("it runs");
    wait_for("it waits for servers", PATIENCE, || {
        let log = fs::read_to_string(deployment.directory().join("log")).expect("a log");
        log.contains("waiting").then_some(())
    });
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::HUP).expect("it runs");
    let status = wait_for("it ends", PATIENCE, || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(0));
}
