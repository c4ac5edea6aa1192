//! A key was found where it should not be: what is known of it, over the API and at the command line, and how it is ended.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service,
    clock::wait_for,
    fixtures::{create_with, get, roll},
    on_each_database,
    receiver::Receiver,
};

on_each_database!(
    a_key_that_leaked_is_found_followed_and_ended,
    who_was_shown_a_key_once_more_is_told,
    a_key_that_cannot_be_read_keeps_no_other_from_being_ended,
);

/// How a report ended, and all that it said.
fn report(service: &Service, input: &str, more: &[&str]) -> (i32, String) {
    let ended = service
        .deployment()
        .run_with_input(&[&["leak", "report"], more].concat(), input);
    let said = ended.output();
    for secret in input.lines().filter(|line| line.starts_with("whsec_")) {
        assert!(!said.contains(secret), "a report has the key: {said}");
    }
    (ended.code(), said)
}

/// The line of a report that begins so, without the space before it.
#[track_caller]
fn line<'a>(said: &'a str, beginning: &str) -> &'a str {
    let mut lines = said.lines().map(str::trim);
    lines
        .find(|line| line.starts_with(beginning))
        .unwrap_or_else(|| panic!("{beginning}: {said}"))
}

fn a_key_that_leaked_is_found_followed_and_ended(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let (service, receiver) = (Service::start_on(deployment), Receiver::start());
    let client = service.client();
    let webhook = create_with(&client, json!({"url": receiver.url(), "name": "Orders"}));
    let id = webhook.id();
    let secret = format!("{}\n", webhook.secret());
    for _ in 0..2 {
        let event = json!({"type": "INVOICE.PAID", "data": {}});
        client.post("/v1/events").json(&event).send().expect_status(202);
    }
    receiver.wait_for(2);
    let (status, said) = report(&service, &secret, &["-"]);
    assert_eq!(status, 3, "{said}");
    let key = line(&said, "key ")
        .split([' ', ','])
        .nth(1)
        .expect("a fingerprint")
        .to_owned();
    let over_http = || {
        client
            .get(&format!("/v1/signing-keys/{key}"))
            .send()
            .expect_status(200)
            .json()
    };
    // Attempts are recorded a moment after they were made.
    let told = wait_for("both attempts are counted", Duration::from_secs(10), || {
        Some(over_http()["data"][0].clone()).filter(|told| told["signed"]["attempts"] == 2)
    });
    assert_eq!(told["signed"]["webhook_events"], 2);
    let url = receiver.url();
    let (_, host) = url.split_once("://").expect("a url");
    let (host, _) = host.split_once('/').unwrap_or((host, ""));
    assert_eq!(told["signed"]["hosts"], json!([{"host": host, "attempts": 2}]));
    assert!(told["signed"]["first_at"].as_str() <= told["signed"]["last_at"].as_str());
    let events = client
        .get(&format!("/v1/webhook-events?key_fingerprint={key}"))
        .send()
        .json();
    assert_eq!(events["data"].as_array().map(Vec::len), Some(2));
    let (_, said) = report(&service, &secret, &["-"]);
    for part in [
        &format!("webhook {id} (Orders)"),
        "CURRENT: it signs since",
        "2 attempts at 2 events",
        &format!("to {host}: 2 attempts"),
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(line(&said, "20").contains("WEBHOOK.CREATED"));

    // Retired, it is ended alone, by the command that the report has.
    let rolled = roll(&client, &webhook);
    let (status, said) = report(&service, "", &["--fingerprint", &key]);
    assert!(status == 3 && said.contains("RETIRED: it signs from"), "{said}");
    let command: Vec<&str> = line(&said, "webhook-server webhook retired-secret")
        .split(' ')
        .skip(1)
        .collect();
    service.deployment().run(&command).expect_success();
    let (status, said) = report(&service, &secret, &["-"]);
    assert!(status == 0 && said.contains("EXPIRED: it signed from"), "{said}");
    assert_eq!(
        get(&client, &webhook).json["secret_key"],
        rolled.json["secret_key"]
    );

    // A scan has both, and one that is nobody's; what signs is ended in one go, and only if the operator says so.
    let scan = format!(
        "{}:3:{}\n.env:4:WEBHOOK_SECRET=\"{}\"\nwhsec_REDACTED\nwhsec_{}\n",
        "config.yml",
        webhook.secret(),
        rolled.secret(),
        "3q2+78r+ur4BI0VniavN7wEjRWeJq83vz6ks8Q1eT5o="
    );
    let (status, said) = report(&service, &scan, &["-"]);
    assert_eq!(status, 3, "{said}");
    for (state, rows) in [
        ("CURRENT", 1),
        ("EXPIRED", 1),
        ("UNKNOWN", 1),
        ("1 place that begin", 1),
        ("1 key still signs", 1),
    ] {
        assert_eq!(
            said.lines().filter(|line| line.contains(state)).count(),
            rows,
            "{state}: {said}"
        );
    }
    let (status, said) = report(&service, &scan, &["-", "--revoke"]);
    assert!(status == 2 && said.contains("--yes"), "{said}");
    let ended = service
        .deployment()
        .run_with_input(&["leak", "report", "-", "--revoke", "--yes", "--json"], &scan);
    assert_eq!(ended.code(), 0, "{}", ended.output());
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON alone");
    let states: Vec<_> = told["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["signing_keys"][0]["state"])
        .collect();
    assert_eq!(json!(states), json!(["EXPIRED", "EXPIRED", null]));
    let after = get(&client, &webhook);
    assert_ne!(after.json["secret_key"], rolled.json["secret_key"]);
    assert!(after.json["previous_secret_key"].is_null());

    // Whatever becomes of the webhook, and of nobody else's platform.
    client.delete(&webhook.path()).send().expect_status(200);
    let (status, said) = report(&service, &secret, &["-"]);
    assert!(status == 0 && said.contains("which was deleted"), "{said}");
    assert!(said.contains("2 attempts at 2 events"), "{said}");
    let (status, said) = report(&service, &secret, &["-", "--platform", "other"]);
    assert!(
        status == 4 && said.contains("no webhook of platform other"),
        "{said}"
    );
    let other = service.client_of("other", &["WEBHOOK.VIEW", "AUDIT_RECORD.VIEW"]);
    other
        .get(&format!("/v1/signing-keys/{key}"))
        .send()
        .expect_refusal(404, "RESOURCE_NOT_FOUND");
}

/// By an answer that is given again, also when the key signs no more and when the webhook is gone.
fn who_was_shown_a_key_once_more_is_told(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhook = create_with(&client, json!({"name": "Orders"}));
    let roll = || {
        let roll = client.patch(&format!("{}?previous_secret_expires_in=0", webhook.secret_path()));
        roll.header("Idempotency-Key", "roll").send().expect_status(200)
    };
    let rolled = roll();
    let secret = rolled.json()["secret_key"].as_str().expect("a secret").to_owned();
    assert_eq!(roll().body, rolled.body);
    client
        .patch(&format!("{}?previous_secret_expires_in=0", webhook.secret_path()))
        .send()
        .expect_status(200);
    assert_eq!(roll().body, rolled.body);
    client.delete(&webhook.path()).send().expect_status(200);
    assert_eq!(roll().body, rolled.body);

    let (status, said) = report(&service, &format!("{secret}\n"), &["-", "--json"]);
    let told: Value = serde_json::from_str(&said).expect("JSON alone");
    let told = &told["keys"][0]["signing_keys"][0];
    assert_eq!(
        (status, &told["state"], &told["webhook_exists"]),
        (0, &json!("EXPIRED"), &json!(false))
    );
    let shown = told["shown"].as_array().expect("a list").iter();
    let by: Vec<_> = shown.clone().map(|shown| shown["action"].clone()).collect();
    let revealed = "WEBHOOK.SECRET_REVEALED";
    assert_eq!(
        json!(by),
        json!([revealed, revealed, revealed, "WEBHOOK.SECRET_ROLLED"])
    );
    let who: Vec<_> = shown.map(|shown| shown["credential"].clone()).collect();
    assert!(
        who.iter()
            .all(|one| *one == who[0] && one.as_str().is_some_and(|text| text.starts_with("key_")))
    );
    let verified = service.deployment().run(&["audit", "verify"]);
    let whole = verified.expect_success();
    assert!(whole.contains("whole:"), "{whole}");
}

/// As the scanners write them: keys that are nobody's, so that each is one row.
#[test]
fn what_scanners_write_is_read_and_what_is_no_key_is_refused() {
    let service = Service::start(Backend::Sqlite);
    let key = |letter: char| format!("whsec_{}/+{letter}=", "Qm9v".repeat(10) + "a");
    let row = |file: &[u8]| -> (i32, String) {
        let path = service.deployment().directory().join("scan");
        fs::write(&path, file).expect("the file is written");
        let ended = service
            .deployment()
            .run(&["leak", "report", path.to_str().expect("a path")]);
        (ended.code(), ended.output())
    };
    let one = key('8');
    for (scanner, file) in [
        (
            "gitleaks",
            format!(
                r#"[{{"RuleID":"generic-api-key","StartLine":3,"Match":"secret: {one}","Secret":"{one}","File":"app.yml"}}]"#
            ),
        ),
        (
            "SARIF",
            format!(r#"{{"region":{{"snippet":{{"text":"WEBHOOK_SECRET={one}"}},"startLine":1}}}}"#),
        ),
        (
            "trufflehog",
            format!(
                r#"{{"DetectorName":"CustomRegex","Verified":false,"Raw":"{one}","Redacted":"","ExtraData":null}}"#
            ),
        ),
        (
            "GitHub's partner programme",
            format!(
                r#"[{{"token":"{one}","type":"some_type","url":"https://example.com/repo","source":"content"}}]"#
            ),
        ),
        (
            "GitHub's alerts",
            format!(
                r#"[{{"number":2,"state":"open","secret_type":"whsec","secret":"{}"}}]"#,
                one.replace('/', "\\/")
            ),
        ),
        (
            "git grep",
            format!("HEAD~3:deploy/.env:12:export WEBHOOK_SECRET='{one}'"),
        ),
        (
            "detect by a URL in a log",
            format!(
                "GET /setup?secret={}&a=1 200",
                one.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D")
            ),
        ),
        ("CSV", format!("\"app.yml\",\"3\",\"{one}\"\r\n")),
    ] {
        let (status, said) = row(file.as_bytes());
        assert_eq!(status, 4, "{scanner}: {said}");
        assert!(
            said.contains("key sha256:") && !said.contains(&one),
            "{scanner}: {said}"
        );
    }
    let wide: Vec<u8> = format!("\u{feff}{one}\r\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(row(&wide).0, 4);
    for (file, part) in [
        (&b"password = hunter2\n"[..], "nothing like a signing key"),
        (b"", "nothing like a signing key"),
        (b"whsec_REDACTED whsec_abc", "redacted or cut off"),
    ] {
        let (status, said) = row(file);
        assert!(status == 2 && said.contains(part), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let huge = service.deployment().directory().join("huge");
    let file = fs::File::create(&huge).expect("the file is made");
    file.set_len(65 * 1024 * 1024).expect("it is long");
    let ended = service
        .deployment()
        .run(&["leak", "report", huge.to_str().expect("a path")]);
    assert!(
        ended.code() == 2 && ended.output().contains("longer than 64 MiB"),
        "{}",
        ended.output()
    );
    for arguments in [
        &["leak", "report"][..],
        &["leak", "report", "x", "--fingerprint", "sha256:0123456789abcdef"],
        &["leak", "report", "--fingerprint", "0123"],
    ] {
        assert_eq!(service.deployment().run(arguments).code(), 2, "{arguments:?}");
    }
}

/// Of what a damaged row has, nothing is known; all others are looked up and ended.
fn a_key_that_cannot_be_read_keeps_no_other_from_being_ended(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    let webhooks = ["A", "B", "C"].map(|name| create_with(&client, json!({"name": name})));
    let garbage = match backend {
        Backend::Sqlite => "CAST('garbage' AS BLOB)",
        Backend::Postgres => "'garbage'::bytea",
    };
    let damaged = webhooks.iter().min_by_key(|webhook| webhook.id()).unwrap();
    service.deployment().execute(&format!(
        "UPDATE webhooks SET key_ring = {garbage} WHERE id = '{}'",
        damaged.id()
    ));
    let scan: String = webhooks
        .iter()
        .map(|webhook| format!("{}\n", webhook.secret()))
        .collect();
    let (status, said) = report(&service, &scan, &["-", "--revoke", "--yes"]);
    assert_eq!(status, 1, "{said}");
    for (state, rows) in [("EXPIRED", 2), ("UNREADABLE", 1), ("cannot look sha256:", 2)] {
        let found = said.lines().filter(|line| line.contains(state)).count();
        assert_eq!(found, rows, "{state}: {said}");
    }
    for webhook in webhooks.iter().filter(|webhook| webhook.id() != damaged.id()) {
        assert_ne!(get(&client, webhook).json["secret_key"], webhook.secret());
    }
    let (status, said) = report(&service, &scan, &["-", "--json"]);
    assert_eq!(status, 1, "{said}");
    assert_eq!(said.matches(r#""signs":null"#).count(), 1, "{said}");
}
