//! Names whose name server does not answer hold up nobody but the webhooks on them.
//!
//! A service that waited for them on threads would have all its threads wait: other tenants would time out, and it would not stop.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::json;
use webhook_tests::{Backend, Service, clock::wait_for, fixtures::create_with, receiver::Receiver};

use crate::{
    PATIENCE, deployment,
    name_server::{Finding, NameServer, SILENT},
    network::Network,
    publish, test_on,
};

/// More than there are places for attempts.
const SILENT_WEBHOOKS: usize = 900;
/// How many events the healthy tenant publishes meanwhile.
const EVENTS: usize = 20;

pub(crate) fn names_that_do_not_answer_hold_up_nobody_else(backend: Backend) {
    let name = test_on(backend, "names_that_do_not_answer_hold_up_nobody_else");
    Network::run(&name, |network| {
        // Whom the machine asks for names is not for a test to say.
        if network == Network::Own {
            story(backend);
        }
    });
}

fn story(backend: Backend) {
    let found = Finding::of(&[IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let names = NameServer::start([("well.test".to_owned(), vec![found])].into());
    let receiver = Receiver::start();
    let cluster = Network::Own.cluster(backend);
    let deployment = deployment(backend, cluster.as_ref()).with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8");
    let mut service = Service::start_on(deployment);

    let client = service.client();
    for n in 0..SILENT_WEBHOOKS {
        create_with(&client, json!({"url": format!("http://n{n}{SILENT}/hook")}));
    }
    publish(&client);
    wait_for("hundreds of names are asked for in vain", PATIENCE, || {
        (names.asked_in_vain() >= 300).then_some(())
    });

    let healthy = service.client_of("healthy", &webhook_tests::service::ALL_PERMISSIONS);
    let port = receiver.url().rsplit(':').next().expect("a port").to_owned();
    create_with(&healthy, json!({"url": format!("http://well.test:{port}")}));
    for _ in 0..EVENTS {
        publish(&healthy);
    }
    receiver.wait_for(EVENTS);
    let listed = wait_for("all of it is recorded", PATIENCE, || {
        let listed = healthy.get("/v1/webhook-events").send().expect_status(200).json();
        let all = listed["data"].as_array().expect("a list").clone();
        all.iter().all(|one| one["status"] == "SUCCEEDED").then_some(all)
    });
    assert_eq!(listed.len(), EVENTS);
    for delivery in &listed {
        let attempts = delivery["attempts"].as_array().expect("a list");
        assert_eq!(attempts.len(), 1, "none failed: {delivery}");
    }
    let ended = service.take_server().stop();
    assert_eq!(ended.code(), 0, "{}", ended.output());
    assert!(ended.took < Duration::from_secs(20), "{:?}", ended.took);
}
