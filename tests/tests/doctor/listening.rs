//! Who listens at the address for metrics, and who where the API speaks TLS.

use std::{fs, io::Write as _, net::TcpListener, process::Stdio, thread, time::Duration};

use webhook_test_tls::{Identity, authorities, named};
use webhook_tests::{Backend, Deployment, Service, clock::wait_for, pem};

use crate::{Report, doctor};

/// For what takes no time on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that answers everything with 200 and is not this service.
fn stranger() -> String {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for mut stream in other.incoming().flatten() {
            let answer = b"HTTP/1.1 200 OK\r\nserver: other\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    address
}

#[test]
fn the_address_for_metrics_is_free_ours_or_somebody_elses() {
    let deployment = Deployment::new(Backend::Sqlite);
    let look = |address: &str| doctor(&deployment, &["--metrics-listen", address]);
    assert!(look("").checks("metrics_listen").is_empty(), "there is none");
    assert_eq!(look("127.0.0.1:0").status("metrics_listen"), "OK");
    let taken = look(&stranger());
    taken.expect_failures(1, &["metrics_listen"]);
    taken.expect("metrics_listen", "FAIL", "it is not this service");
    let absent = look("192.0.2.1:9464");
    absent.expect_failures(1, &["metrics_listen"]);
    absent.expect("metrics_listen", "FAIL", "this machine has no address 192.0.2.1");
    let wrong = look("nowhere");
    wrong.expect_failures(2, &["settings"]);
    assert!(wrong.checks("metrics_listen").is_empty());

    let with_metrics = Deployment::new(Backend::Sqlite).with("WEBHOOK_METRICS_LISTEN", "127.0.0.1:0");
    let service = Service::start_on(with_metrics);
    let output = service.server().output();
    let (_, rest) = output.split_once("\"metrics.address\":\"").expect("an address");
    let metrics = rest.split('"').next().expect("it ends");
    look(metrics).expect("metrics_listen", "OK", "has its metrics on");
    let api = service.server().address().to_string();
    let of_api = look(&api);
    of_api.expect_failures(1, &["metrics_listen"]);
    of_api.expect("metrics_listen", "FAIL", "has no metrics there");
}

/// A deployment on SQLite whose API speaks TLS with a certificate of its own.
fn secured() -> Deployment {
    let (issuer, _) = authorities("the issuer of the API");
    let identity = Identity::issued(&named("localhost"), &issuer);
    let mut deployment = Deployment::new(Backend::Sqlite);
    for (setting, name, text) in [
        (
            "WEBHOOK_TLS_CERTIFICATE_FILE",
            "tls.pem",
            pem::certificates(&identity.chain),
        ),
        ("WEBHOOK_TLS_KEY_FILE", "tls.key", identity.key_pem()),
    ] {
        let path = deployment.directory().join(name);
        fs::write(&path, text).expect("a file can be written");
        deployment.set(setting, &path.to_string_lossy());
    }
    deployment
}

#[test]
fn who_listens_where_the_api_speaks_tls_is_told_by_the_certificate() {
    let deployment = secured();
    let log = deployment.directory().join("log");
    let mut command = deployment.command(&[]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(&log).expect("a file can be made"));
    let mut child = command.spawn().expect("it runs");
    let address = wait_for("it says where it listens", PATIENCE, || {
        let said = fs::read_to_string(&log).expect("the log can be read");
        let (_, rest) = said.split_once("\"server.address\":\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    });
    let look =
        |deployment: &Deployment, address: &str| -> Report { doctor(deployment, &["--listen", address]) };
    wait_for("it is ready", PATIENCE, || {
        (look(&deployment, &address).status("listen") == "OK").then_some(())
    });
    look(&deployment, &address).expect("listen", "OK", "a server of this service listens on");
    let with_another = look(&secured(), &address);
    with_another.expect("listen", "FAIL", "it does not show the certificate of the API");
    look(&deployment, &stranger()).expect("listen", "FAIL", "it does not show the certificate");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(look(&deployment, "127.0.0.1:0").status("listen"), "OK");
}
