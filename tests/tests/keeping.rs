//! A previous secret that is kept until the new one is in use.

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Deployment, Service,
    clock::{now, wait_for},
    fixtures::{Webhook, create_with, get, roll_with},
    on_each_database,
    receiver::{Conduct, Receiver},
};

on_each_database!(
    a_kept_secret_signs_beyond_its_overlap_and_stops_when_the_new_one_is_adopted,
    the_command_waits_until_the_new_secret_is_adopted,
    the_service_checks_by_itself_while_a_secret_is_kept,
);

const PATIENCE: Duration = Duration::from_secs(60);

fn service(backend: Backend) -> Service {
    let deployment = Deployment::new(backend)
        .with("WEBHOOK_ALLOW_HTTP", "true")
        .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    Service::start_on(deployment)
}

#[track_caller]
fn publish(client: &Client) {
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
}

#[track_caller]
fn wait_until(client: &Client, webhook: &Webhook, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, PATIENCE, || {
        Some(get(client, webhook).json).filter(|json| is_so(json))
    })
}

fn a_kept_secret_signs_beyond_its_overlap_and_stops_when_the_new_one_is_adopted(backend: Backend) {
    let service = service(backend);
    let (client, receiver) = (service.client(), Receiver::start());
    let webhook = create_with(&client, json!({"url": receiver.url()}));
    let keep = json!({"previous_secret_expires_in": 1, "keep_previous_until_adopted": true});
    let rolled = roll_with(&client, &webhook, keep);
    let (old, new) = (webhook.secret(), rolled.secret());
    assert_eq!(rolled.json["previous_secret_held"], false);

    let held = wait_until(&client, &webhook, "the old secret is held", |json| {
        json["previous_secret_held"] == true
    });
    assert_eq!(held["previous_secret_key"], json!(old));
    let shown = Webhook::of(&client.get(&webhook.path()).send().expect_status(200));
    let day = now() + 86_400;
    assert!((day - 10..=day + 1).contains(&shown.previous_expires_at()));
    // A receiver that has not changed over, and says so.
    receiver.conduct([
        Conduct::Receipt(204, old.clone()),
        Conduct::Receipt(204, new.clone()),
    ]);
    publish(&client);
    let delivered = receiver.wait_for(1).remove(0);
    assert!(delivered.is_signed_with(&old) && delivered.is_signed_with(&new));
    assert_eq!(get(&client, &webhook).json["secret_adoption"], Value::Null);
    publish(&client);
    let adopted = wait_until(&client, &webhook, "the new secret is adopted", |json| {
        !json["secret_adoption"].is_null()
    });
    assert_eq!(adopted["previous_secret_key"], Value::Null, "it was merely kept");
    assert_eq!(adopted["previous_secret_held"], false);
    publish(&client);
    let delivered = receiver.wait_for(3).remove(2);
    assert!(delivered.is_signed_with(&new) && !delivered.is_signed_with(&old));
}

fn the_command_waits_until_the_new_secret_is_adopted(backend: Backend) {
    let service = service(backend);
    let (client, receiver) = (service.client(), Receiver::start());
    let webhook = create_with(&client, json!({"url": receiver.url()}));
    let roll = |more: &[&str]| {
        let arguments = [&["webhook", "roll", webhook.id(), "--until-adopted"], more].concat();
        service.deployment().run(&arguments)
    };
    let changed = |before: &str| {
        let json = wait_until(&client, &webhook, "the secret is rolled", |json| {
            json["secret_key"] != before
        });
        json["secret_key"].as_str().expect("a secret").to_owned()
    };
    let first = webhook.secret();
    let second = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| roll(&[]));
        let second = changed(&first);
        receiver.conduct([Conduct::Receipt(204, second.clone())]);
        publish(&client);
        let ended = waiting.join().expect("it does not panic");
        assert_eq!(ended.code(), 0, "{}", ended.output());
        assert!(ended.output().contains("shown by RECEIPT"), "{}", ended.output());
        assert_eq!(
            ended.output().matches(&second).count(),
            1,
            "the new secret is shown once"
        );
        second
    });
    // Another roll comes between.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| roll(&["--previous-secret-expires-in", "60"]));
        changed(&second);
        roll_with(&client, &webhook, json!({}));
        let ended = waiting.join().expect("it does not panic");
        assert_eq!(ended.code(), 1, "{}", ended.output());
        assert!(ended.output().contains("rolled again"), "{}", ended.output());
    });
    let at_once = roll(&["--previous-secret-expires-in", "0"]);
    assert_eq!(at_once.code(), 2, "{}", at_once.output());
    assert!(
        at_once.output().contains("keep_previous_until_adopted"),
        "{}",
        at_once.output()
    );
}

fn the_service_checks_by_itself_while_a_secret_is_kept(backend: Backend) {
    let mut service = service(backend);
    let (client, receiver) = (service.client(), Receiver::start());
    let webhook = create_with(&client, json!({"url": receiver.url()}));
    let keep = json!({"previous_secret_expires_in": 1, "keep_previous_until_adopted": true});
    let new = roll_with(&client, &webhook, keep).secret();
    receiver.judge(Box::new(move |delivered| {
        Conduct::Answer(if delivered.is_signed_with(&new) { 204 } else { 401 })
    }));
    wait_until(&client, &webhook, "the old secret is held", |json| {
        json["previous_secret_held"] == true
    });
    // A server looks at its start what there is to check.
    service.kill();
    service.start_again();
    let client = service.client();
    let adopted = wait_until(&client, &webhook, "the new secret is adopted", |json| {
        !json["secret_adoption"].is_null()
    });
    assert_eq!(adopted["secret_adoption"]["evidence"], "CHECK");
    assert_eq!(adopted["previous_secret_held"], false);
    let path = format!("/v1/audit-records?resource_id={}&limit=20", webhook.id());
    let records = client.get(&path).send().expect_status(200).json();
    let records = records["data"].as_array().expect("a list");
    let checks: Vec<_> = records
        .iter()
        .filter(|record| record["action"] == "WEBHOOK.KEYS_CHECKED")
        .collect();
    assert_eq!(checks.len(), 1);
    assert_eq!(
        (&checks[0]["credential"], &checks[0]["verdict"]),
        (&json!("service"), &json!("ADOPTED"))
    );
}
