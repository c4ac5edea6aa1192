//! A database that comes up after the service.

use std::{
    io::{Read as _, Write as _, copy},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Child,
    thread,
    time::{Duration, Instant},
};

use url::Url;
use webhook_tests::{Backend, Client, Deployment, clock::wait_for};

use super::process::{PATIENCE, free_address};

/// A deployment whose database is at `address` instead of where it is, and where it is.
fn deployment_at(address: SocketAddr) -> (Deployment, SocketAddr) {
    let mut deployment = Deployment::new(Backend::Postgres);
    let setting = deployment.setting("WEBHOOK_DATABASE_URL").expect("a URL");
    let mut url = Url::parse(setting).expect("a URL");
    let host = url.host_str().expect("a host").to_owned();
    let port = url.port().unwrap_or(5432);
    let real = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port));
    let real = real.expect("an address").next().expect("an address");
    url.set_host(Some(&address.ip().to_string())).expect("a host");
    url.set_port(Some(address.port())).expect("a port");
    deployment.set("WEBHOOK_DATABASE_URL", url.as_str());
    (deployment, real)
}

/// Passes on to `real` what comes to `address`, once it has told the first `refused` clients that the server starts up.
fn pass_on(address: SocketAddr, real: SocketAddr, refused: usize) {
    let listener = TcpListener::bind(address).expect("the address is still free");
    thread::spawn(move || {
        for (number, client) in listener.incoming().flatten().enumerate() {
            if number < refused {
                thread::spawn(move || refuse(client));
                continue;
            }
            let server = TcpStream::connect(real).expect("PostgreSQL runs");
            let (mut one, mut other) = (
                client.try_clone().expect("a clone"),
                server.try_clone().expect("a clone"),
            );
            thread::spawn(move || drop(copy(&mut one, &mut other)));
            thread::spawn(move || {
                let (mut server, mut client) = (server, client);
                drop(copy(&mut server, &mut client));
            });
        }
    });
}

/// Answers as PostgreSQL does while it starts: no TLS, no encryption by Kerberos, and an error.
fn refuse(mut client: TcpStream) {
    loop {
        let mut head = [0; 8];
        if client.read_exact(&mut head).is_err() {
            return;
        }
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let mut rest = vec![0; length - 8];
        if client.read_exact(&mut rest).is_err() {
            return;
        }
        let code = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        if [80_877_103, 80_877_104].contains(&code) {
            drop(client.write_all(b"N"));
            continue;
        }
        let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
        let length = u32::try_from(fields.len() + 4).expect("it is short");
        drop(client.write_all(&[&b"E"[..], &length.to_be_bytes(), fields].concat()));
        return;
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that waits, and waits until it says so.
fn waits(deployment: &Deployment) -> Killed {
    let path = deployment.directory().join("log");
    let log = std::fs::File::create(&path).expect("a file");
    let child = deployment
        .command(&["--wait-for-database", "300"])
        .stderr(log)
        .spawn();
    let child = Killed(child.expect("it runs"));
    wait_for("it says that it waits", PATIENCE, || {
        let log = std::fs::read_to_string(&path).expect("a log");
        log.contains("the database is not up yet").then_some(())
    });
    child
}

#[track_caller]
fn becomes_ready(deployment: &Deployment, child: &mut Child) {
    let address: SocketAddr = deployment
        .setting("WEBHOOK_LISTEN")
        .expect("set")
        .parse()
        .expect("an address");
    let client = Client::anonymous(address);
    wait_for("it is ready", PATIENCE, || {
        assert!(child.try_wait().expect("a child").is_none(), "it ended");
        let answer = client.get("/health/ready").unchecked().try_send();
        answer.ok().filter(|answer| answer.status == 200)
    });
}

#[test]
fn a_database_that_comes_up_later_is_waited_for() {
    let address = free_address();
    let (mut deployment, real) = deployment_at(address);
    deployment.set("WEBHOOK_LISTEN", &free_address().to_string());
    let mut server = waits(&deployment);
    pass_on(address, real, 0);
    becomes_ready(&deployment, &mut server.0);
}

#[test]
fn a_database_that_is_starting_up_is_waited_for() {
    let address = free_address();
    let (mut deployment, real) = deployment_at(address);
    deployment.set("WEBHOOK_LISTEN", &free_address().to_string());
    pass_on(address, real, 4);
    let mut server = waits(&deployment);
    becomes_ready(&deployment, &mut server.0);
    let log = std::fs::read_to_string(deployment.directory().join("log")).expect("a log");
    assert!(log.contains("the database system is starting up"), "{log}");
    assert_eq!(
        log.matches("the database is not up yet").count(),
        1,
        "it is not said at every try: {log}"
    );
}

#[test]
fn a_migration_waits_too() {
    let address = free_address();
    let (deployment, real) = deployment_at(address);
    pass_on(address, real, 2);
    deployment
        .run(&["migrate", "--wait-for-database", "60"])
        .expect_success();
}

#[test]
fn a_wait_ends() {
    let (deployment, _) = deployment_at(free_address());
    let begun = Instant::now();
    let ended = deployment.run(&["--wait-for-database", "2"]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(
        ended.stderr.contains("cannot open the database"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_name_that_is_not_known_yet_is_waited_for() {
    let mut deployment = Deployment::new(Backend::Postgres);
    deployment.set(
        "WEBHOOK_DATABASE_URL",
        "postgres://webhook@no-such-host.invalid/webhook",
    );
    let ended = deployment.run(&["--wait-for-database", "1"]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(
        ended.stderr.contains("the database is not up yet"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_waiting_does_not_mend_ends_at_once() {
    let deployment = Deployment::new(Backend::Postgres);
    let url = Url::parse(deployment.setting("WEBHOOK_DATABASE_URL").expect("a URL")).expect("a URL");
    let mut no_database = url.clone();
    no_database.set_path("no_such_database");
    let mut no_role = url.clone();
    no_role.set_username("no_such_role").expect("a user");
    let mut no_tls = url.clone();
    no_tls.set_query(Some("sslmode=require"));
    for wrong in [no_database, no_role, no_tls] {
        let mut deployment = Deployment::new(Backend::Postgres);
        deployment.set("WEBHOOK_DATABASE_URL", wrong.as_str());
        // The command may take 30 seconds, the wait 300.
        let ended = deployment.run(&["--wait-for-database", "300"]);
        assert_eq!(ended.code(), 1, "{wrong}: {}", ended.output());
        assert!(!ended.stderr.contains("not up yet"), "{}", ended.stderr);
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_not_waited_for() {
    let deployment =
        Deployment::new(Backend::Sqlite).with("WEBHOOK_DATABASE_URL", "sqlite:///proc/no/such.db");
    let ended = deployment.run(&["--wait-for-database", "300"]);
    assert_eq!(ended.code(), 1, "{}", ended.output());
}
