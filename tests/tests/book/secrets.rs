//! `docs/rolling-a-secret.md`, `docs/audit.md`, and how the receiver's credentials change by `docs/deliveries.md`.

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Deployment, Service, book, fixtures::create_with, on_each_database, receiver::Receiver,
};

use crate::reader::Reader;

on_each_database!(secrets_are_rolled_and_audited_as_the_pages_say);

fn secrets_are_rolled_and_audited_as_the_pages_say(backend: Backend) {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let (service, receiver) = (Service::start_on(deployment), Receiver::start());
    let settings = json!({"active": false, "url": receiver.url(), "authentication_type": "PASSWORD",
        "username": "billing", "password": "an.old.one"});
    let webhook = create_with(&service.client(), settings);
    let mut reader = Reader::of(service.deployment());
    reader.set("KEY", service.key());
    reader.set("ID", webhook.id());
    reader.replace(
        "http://127.0.0.1:8080",
        &format!("http://{}", service.server().address()),
    );
    let answer = |reader: &Reader<'_>, name: &str| -> Value {
        serde_json::from_str(&reader.read(&book::block(name))).expect("an answer in JSON")
    };

    let rolled = answer(&reader, "rolling:roll");
    assert_eq!(rolled["previous_secret_key"], webhook.json["secret_key"]);
    let records = format!("/v1/audit-records?resource_id={}&limit=1", webhook.id());
    let record = service.client().get(&records).send().expect_status(200).json();
    let fingerprint = &record["data"][0]["retired_keys"][0]["fingerprint"];
    reader.set("FINGERPRINT", fingerprint.as_str().expect("a retired key"));
    let restored = answer(&reader, "rolling:restore");
    assert_eq!(
        restored["previous_secret_expires_at"].as_str().map(str::len),
        Some(20)
    );
    let rolled = answer(&reader, "rolling:roll");
    assert_eq!(rolled["previous_secret_key"], webhook.json["secret_key"]);
    let longer = answer(&reader, "rolling:retired");
    assert!(longer["previous_secret_expires_at"].as_str() > rolled["previous_secret_expires_at"].as_str());
    let kept = answer(&reader, "rolling:keep");
    assert_eq!(kept["previous_secret_key"], rolled["secret_key"]);
    assert_eq!(kept["previous_secret_held"], false);
    let checked = answer(&reader, "rolling:check");
    assert_eq!(checked["verdict"], "DOES_NOT_VERIFY");
    let mended = answer(&reader, "rolling:leak");
    assert!(mended["previous_secret_key"].is_null() && mended["secret_key"] != kept["secret_key"]);
    let removed = answer(&reader, "rolling:remove");
    assert!(removed["secret_key"].is_null());
    assert_eq!(removed["previous_secret_key"], mended["secret_key"]);

    let changed = answer(&reader, "deliveries:credentials");
    assert_eq!(
        changed["previous_credentials_expires_at"].as_str().map(str::len),
        Some(20)
    );

    reader.replace("whk_…", webhook.id());
    let said = reader.read(&book::block("audit:list"));
    assert_eq!(
        said.matches("WEBHOOK.SECRET_ROLLED").count() % 2,
        0,
        "both list the same: {said}"
    );
    assert!(said.contains(webhook.id()), "{said}");
    let verified = reader.read(&book::block("audit:verify"));
    let head = verified
        .lines()
        .find_map(|line| line.strip_prefix("head "))
        .expect("a head");
    assert!(verified.starts_with("whole: "), "{verified}");
    reader.set("HEAD", head);
    assert!(reader.read(&book::block("audit:head")).starts_with("whole: "));
}
