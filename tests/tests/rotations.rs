//! Rolling the secrets of many webhooks: through kills, from several processes, and from the command line.
//!
//! `WEBHOOK_TEST_ROTATION_KILLS` says how often the server is killed meanwhile (2 unless told otherwise), and `WEBHOOK_TEST_ROTATION_WEBHOOKS` how
//! many webhooks there are (40).

use std::time::Duration;

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Client, Service,
    clock::wait_for,
    fixtures::{Webhook, create, get, with},
    knob, on_each_database,
};

on_each_database!(
    through_kills_each_webhook_is_rolled_once,
    what_one_process_has_begun_another_one_stops,
    a_rotation_stops_when_the_key_that_began_it_is_revoked,
    the_command_line_begins_follows_and_stops,
    a_rotation_is_forgotten_a_year_after_its_end,
);

const PATIENCE: Duration = Duration::from_secs(60);

fn begin(client: &Client, body: &Value) -> String {
    let begun = client.post("/v1/rotations").json(body).send().expect_status(202);
    begun.json()["id"].as_str().unwrap().to_owned()
}

fn read(client: &Client, id: &str) -> Value {
    client
        .get(&format!("/v1/rotations/{id}"))
        .send()
        .expect_status(200)
        .json()
}

fn rolled(rotation: &Value) -> u64 {
    rotation["rolled"].as_u64().unwrap()
}

#[track_caller]
fn wait_until(client: &Client, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, PATIENCE, || {
        Some(read(client, id)).filter(|json| is_so(json))
    })
}

/// How many rolls are in the audit records.
fn records(client: &Client) -> usize {
    let mut path = "/v1/audit-records?action=WEBHOOK.SECRET_ROLLED&limit=100".to_owned();
    let mut count = 0;
    loop {
        let part = client.get(&path).send().expect_status(200).json();
        count += part["data"].as_array().unwrap().len();
        match part["links"]["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => return count,
        }
    }
}

fn through_kills_each_webhook_is_rolled_once(backend: Backend) {
    let (kills, webhooks) = (
        knob("WEBHOOK_TEST_ROTATION_KILLS", 2),
        knob("WEBHOOK_TEST_ROTATION_WEBHOOKS", 40),
    );
    let mut service = Service::start(backend);
    let made: Vec<Webhook> = (0..webhooks).map(|_| create(&service.client())).collect();
    // So slowly that there is something left at each kill: a restart and a takeover take a few seconds.
    let spread = 3 * kills;
    let body = json!({"filter": {"all": true}, "spread_seconds": spread});
    let planned = json!({"filter": {"all": true}, "spread_seconds": 0, "dry_run": true});
    let planned = service.client().post("/v1/rotations").json(&planned).send();
    assert_eq!(planned.expect_status(200).json()["total"], webhooks);
    let id = begin(&service.client(), &body);
    let mut seen = 0;
    for _ in 0..kills {
        let at_work = wait_until(&service.client(), &id, "a webhook is rolled", |rotation| {
            rolled(rotation) > seen || rotation["status"] == "DONE"
        });
        seen = rolled(&at_work);
        service.kill();
        service.start_again();
    }
    let client = service.client();
    let at_last = PATIENCE + Duration::from_secs(spread as u64);
    let done = wait_for("the end of the rotation", at_last, || {
        Some(read(&client, &id)).filter(|rotation| rotation["status"] != "RUNNING")
    });
    let counts = ["total", "rolled", "skipped", "failed"].map(|name| done[name].clone());
    assert_eq!(counts, [webhooks, webhooks, 0, 0].map(Value::from), "{done}");
    assert_eq!(done["status"], "DONE");
    for webhook in &made {
        let now = get(&client, webhook);
        assert_eq!(now.previous_secret(), Some(webhook.secret()), "rolled once");
    }
    assert_eq!(records(&client), webhooks);
    println!("{backend:?}: {webhooks} webhooks rolled once each through {kills} kills");
    service.kill();
    service.deployment().run(&["audit", "verify"]).expect_success();
}

fn what_one_process_has_begun_another_one_stops(backend: Backend) {
    let service = Service::start(backend);
    let other = service.deployment().serve();
    let (here, there) = (service.client(), Client::with_key(other.address(), service.key()));
    for _ in 0..3 {
        create(&here);
    }
    let id = begin(
        &here,
        &json!({"filter": {"all": true}, "spread_seconds": 600_000}),
    );
    wait_until(&there, &id, "the first is rolled", |rotation| {
        rolled(rotation) == 1
    });
    let stopped = there
        .post(&format!("/v1/rotations/{id}/stop"))
        .send()
        .expect_status(200)
        .json();
    assert_eq!(
        (&stopped["status"], &stopped["stop_reason"]),
        (&json!("STOPPED"), &json!("REQUESTED"))
    );
    assert_eq!(read(&here, &id), stopped);
    // Another one does what was left: those whose secret is older than this one's beginning.
    let rest = json!({"filter": {"rolled_before": stopped["created_at"], "all": false}, "spread_seconds": 0});
    let dry = with(rest.clone(), json!({"dry_run": true}));
    let total = there
        .post("/v1/rotations")
        .json(&dry)
        .send()
        .expect_status(200)
        .json()["total"]
        .clone();
    let id = begin(&there, &rest);
    let done = wait_until(&here, &id, "the end", |rotation| rotation["status"] == "DONE");
    assert_eq!(done["total"], total);
    assert_eq!(done["rolled"], total);
}

fn a_rotation_stops_when_the_key_that_began_it_is_revoked(backend: Backend) {
    let service = Service::start(backend);
    let client = service.client();
    create(&client);
    create(&client);
    let made = json!({"permissions": ["WEBHOOK.UPDATE", "WEBHOOK.VIEW"]});
    let made = client
        .post("/v1/api-keys")
        .json(&made)
        .send()
        .expect_status(201)
        .json();
    let theirs = service.client_with(made["api_key"].as_str().unwrap());
    let id = begin(&theirs, &json!({"filter": {"all": true}, "spread_seconds": 3}));
    wait_until(&client, &id, "the first is rolled", |rotation| {
        rolled(rotation) == 1
    });
    let key = format!("/v1/api-keys/{}", made["id"].as_str().unwrap());
    client.delete(&key).send().expect_status(200);
    let stopped = wait_until(&client, &id, "the stop", |rotation| {
        rotation["status"] != "RUNNING"
    });
    assert_eq!(stopped["stop_reason"], "CREDENTIAL_REVOKED");
    assert_eq!(rolled(&stopped), 1);
}

fn the_command_line_begins_follows_and_stops(backend: Backend) {
    let service = Service::start(backend);
    let (client, deployment) = (service.client(), service.deployment());
    let webhooks: Vec<Webhook> = (0..3).map(|_| create(&client)).collect();
    let run = |arguments: &[&str]| {
        let all = [&["rotation"], arguments].concat();
        deployment.run(&all)
    };
    let planned = run(&["plan", "--id", webhooks[0].id()]);
    assert_eq!(planned.expect_success().trim(), webhooks[0].id());
    let at_once = [
        "start",
        "--all",
        "--spread-seconds",
        "0",
        "--previous-secret-expires-in",
        "0",
    ];
    assert_eq!(run(&at_once).code(), 2, "it is not confirmed of how many");
    let ended = run(&[&at_once[..], &["--confirm-total", "3", "--json"]].concat());
    let done: Value = serde_json::from_str(ended.expect_success()).unwrap();
    assert_eq!(
        (&done["status"], &done["rolled"]),
        (&json!("DONE"), &json!(3)),
        "{done}"
    );
    assert_eq!(get(&client, &webhooks[0]).previous_secret(), None);
    let begun = run(&[
        "start",
        "--active",
        "true",
        "--spread-seconds",
        "604800",
        "--detach",
    ]);
    let id = begun.expect_success().trim().to_owned();
    let second = run(&["start", "--all", "--spread-seconds", "0"]);
    assert_eq!(second.code(), 1);
    assert!(second.output().contains(&id), "{}", second.output());
    assert!(run(&["show", &id]).expect_success().contains("RUNNING"));
    let says = |what: &str, times: usize| {
        wait_for(what, PATIENCE, || {
            (service.server().output().matches(what).count() == times).then_some(())
        });
    };
    says("working at a rotation", 2);
    run(&["stop", &id]).expect_success();
    let listed = run(&["list"]);
    assert!(
        listed.expect_success().contains("STOPPED (REQUESTED)"),
        "{}",
        listed.output()
    );
    assert_eq!(run(&["show", &id, "--follow"]).code(), 1, "it was stopped");
    says("a rotation is done", 1);
    says("a rotation was stopped before its end", 1);
}

/// And so is what a crash has left of one that was being forgotten, wherever it was with that.
fn a_rotation_is_forgotten_a_year_after_its_end(backend: Backend) {
    let mut service = Service::start(backend);
    create(&service.client());
    let everything = json!({"filter": {"all": true}, "spread_seconds": 0});
    let [long_ago, cut_off, recent] = [0, 1, 2].map(|_| {
        let id = begin(&service.client(), &everything);
        wait_until(&service.client(), &id, "the end", |rotation| {
            rotation["status"] == "DONE"
        });
        id
    });
    service.kill();
    let execute = |statement: &str| service.deployment().execute(statement);
    execute(&format!(
        "UPDATE rotations SET finished_at = 1 WHERE id = '{long_ago}'"
    ));
    execute(&format!(
        "UPDATE rotations SET status = 'PREPARING', created_at = 1 WHERE id = '{cut_off}'"
    ));
    execute(&format!(
        "UPDATE rotation_webhooks SET number = 5000 WHERE rotation_id = '{cut_off}'"
    ));
    service.start_again();
    let client = service.client();
    let gone = |id: &str| client.get(&format!("/v1/rotations/{id}")).send().status == 404;
    wait_for("the oldest is forgotten", PATIENCE, || {
        gone(&long_ago).then_some(())
    });
    let id = begin(&client, &everything);
    wait_until(&client, &id, "the end", |rotation| rotation["status"] == "DONE");
    assert!(gone(&cut_off));
    assert_eq!(read(&client, &recent)["rolled"], 1);
    // Its rows are gone, or this could not be one of them.
    for (id, number) in [(&long_ago, 0), (&cut_off, 5000)] {
        service.deployment().execute(&format!(
            "INSERT INTO rotation_webhooks (rotation_id, number, webhook_id, adopted) VALUES ('{id}', {number}, 'whk', FALSE)"
        ));
    }
}
