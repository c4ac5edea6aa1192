//! `docs/leaked-key.md`, from the finding of a key to its end.

use std::{fs, process::Command};

use serde_json::Value;
use webhook_tests::{Backend, Service, book, fixtures::create};

use crate::reader::Reader;

#[test]
fn a_leaked_key_is_ended_as_the_page_says() {
    let service = Service::start(Backend::Sqlite);
    let webhook = create(&service.client());
    let folder = service.deployment().directory();
    fs::write(folder.join("leaked.txt"), format!("{}\n", webhook.secret())).expect("a file can be written");
    let mut reader = Reader::of(service.deployment());
    reader.set("KEY", service.key());
    reader.set("ID", webhook.id());
    reader.replace(
        "http://127.0.0.1:8080",
        &format!("http://{}", service.server().address()),
    );

    let fingerprint = format!(
        "sha256:{}",
        reader.read(&book::block("leaked:fingerprint")).trim()
    );
    reader.set("FINGERPRINT", &fingerprint);
    let reported = reader.run(&book::block("leaked:report"));
    assert_eq!(reported.code(), 3, "{}", reported.output());
    assert!(reported.stdout.contains(&fingerprint) && reported.stdout.contains("CURRENT: it signs"));
    let over_http = || -> Value {
        serde_json::from_str(&reader.read(&book::block("leaked:api"))).expect("an answer in JSON")
    };
    assert_eq!(over_http()["data"][0]["state"], "CURRENT");

    // Somebody has committed it, in a repository of their own.
    let git = |arguments: &[&str]| {
        let as_somebody = ["-c", "user.name=s", "-c", "user.email=s@example.com"];
        let mut git = Command::new("git");
        let ended = git
            .current_dir(folder)
            .args(as_somebody)
            .args(arguments)
            .output()
            .expect("git runs");
        assert!(ended.status.success(), "{ended:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "leaked.txt"]);
    git(&["commit", "-q", "-m", "s"]);
    let scanned = reader.run(&book::block("leaked:scan"));
    assert_eq!(scanned.code(), 3, "{}", scanned.output());

    let revoked = reader.read(&book::block("leaked:revoke"));
    assert!(revoked.contains("EXPIRED: it signed"), "{revoked}");
    assert_eq!(over_http()["data"][0]["state"], "EXPIRED");
    let shown = reader.read(&book::block("leaked:new"));
    assert!(
        shown.contains("whsec_") && !shown.contains(&webhook.secret()),
        "{shown}"
    );
    let happened = reader.read(&book::block("leaked:signed"));
    assert!(happened.contains("WEBHOOK.SECRET_ROLLED"), "{happened}");
}
