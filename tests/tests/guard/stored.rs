//! What is stored was allowed once, or comes from an older release: it is judged again at every attempt.
//!
//! Spellings are stored and delivered to while everything is allowed, then delivered to when nothing is. A metadata service
//! cannot be stored even then, so its spellings are written into the database.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    thread,
};

use serde_json::json;
use webhook_tests::{
    Answer, Backend, Client, Service,
    fixtures::{create, create_with, new_webhook, with},
    spellings::{self, Kind, Spelling},
};

use crate::{
    causes, deliveries, deployment,
    name_server::{Finding, NameServer},
    network::Network,
    publish,
    refusals::expect_refused,
    test_on,
    trap::Trap,
};

/// Spellings by the ids of the webhooks that have them.
type Stored = HashMap<String, Spelling>;

pub(crate) fn no_spelling_that_is_stored_leads_to_a_forbidden_address(backend: Backend) {
    let name = "no_spelling_that_is_stored_leads_to_a_forbidden_address";
    Network::run(&test_on(backend, name), |network| story(backend, network));
}

fn story(backend: Backend, network: Network) {
    let trap = Trap::set(network);
    let _names = (network == Network::Own).then(this_machines_name);
    let cluster = network.cluster(backend);
    let everything = deployment(backend, cluster.as_ref()).with("WEBHOOK_ALLOWED_NETWORKS", "0.0.0.0/0,::/0");
    let mut service = Service::start_on(everything);
    let (metadata, others): (Vec<_>, Vec<_>) = spellings::forbidden()
        .into_iter()
        .partition(|spelling| spelling.kind == Kind::Metadata);
    let (caught, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|spelling| trap.catches(spelling));

    let reachable = store(&service.client(), &trap, caught);
    each_leads_where_it_says(&service.client(), &trap, &reachable);

    let metadata = store_behind_its_back(&mut service, &trap, metadata);
    let held_up = each_leads_where_it_says(&service.client(), &trap, &reachable);
    assert_forbidden(&service.client(), &held_up, &metadata, 2);
    assert_eq!(trap.reached(), [] as [IpAddr; 0], "metadata, whatever is allowed");

    let unreachable = store(&service.client(), &trap, others);
    service.take_server().stop();
    service.deployment_mut().unset("WEBHOOK_ALLOWED_NETWORKS");
    service.start_again();
    let client = service.client();
    let event = publish(&client);
    let not_public: Stored = reachable.into_iter().chain(unreachable).collect();
    assert_forbidden(&client, &event, &not_public, 2);
    assert_forbidden(&client, &held_up, &metadata, 4);
    let stored: Stored = not_public.into_iter().chain(metadata).collect();
    no_probe_gets_through(&client, &stored);
    assert_eq!(trap.reached(), [] as [IpAddr; 0]);
    eprintln!("{} spellings stored, and none was connected to", stored.len());

    if network == Network::Own {
        public_addresses_are_delivered_to(&client, &trap);
    }
}

/// A resolver that does not find `localhost.` among the machine's hosts asks for it.
fn this_machines_name() -> NameServer {
    let here = Finding::of(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    NameServer::start([("localhost".to_owned(), vec![here])].into())
}

fn store(client: &Client, trap: &Trap, spellings: Vec<Spelling>) -> Stored {
    let stored = spellings.into_iter().map(|spelling| {
        let url = trap.url(&spelling.host);
        let created = client
            .post("/v1/webhooks")
            .json(&with(new_webhook(), json!({"url": url})))
            .send();
        assert_eq!(created.status, 201, "{spelling:?}: {}", created.shown());
        (id(&created), spelling)
    });
    stored.collect()
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// The spellings are what the table says, and the service would connect to them if it were let. Gives the event that was
/// delivered to them, and to nobody else.
fn each_leads_where_it_says(client: &Client, trap: &Trap, stored: &Stored) -> String {
    let event = publish(client);
    let done = deliveries(client, &event, |_, delivery| !causes(delivery).is_empty());
    for (webhook, spelling) in stored {
        assert_eq!(
            done[webhook]["status"], "SUCCEEDED",
            "{spelling:?}: {}",
            done[webhook]
        );
    }
    let mut targets: Vec<_> = stored.values().map(|spelling| spelling.leads_to).collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(trap.reached(), targets);
    event
}

fn store_behind_its_back(service: &mut Service, trap: &Trap, spellings: Vec<Spelling>) -> Stored {
    let client = service.client();
    let mut stored = Stored::new();
    for spelling in spellings {
        expect_refused(&client, &trap.url(&spelling.host));
        stored.insert(create(&client).id().to_owned(), spelling);
    }
    service.take_server().stop();
    for (webhook, spelling) in &stored {
        let url = trap.url(&spelling.host);
        let statement = format!("UPDATE webhooks SET url = '{url}' WHERE id = '{webhook}'");
        service.deployment().execute(&statement);
    }
    service.start_again();
    stored
}

/// Every delivery of `event` to `webhooks` has failed so often, each time for what the address is.
#[track_caller]
fn assert_forbidden(client: &Client, event: &str, webhooks: &Stored, attempts: usize) {
    let tried = deliveries(client, event, |webhook, delivery| {
        !webhooks.contains_key(webhook) || causes(delivery).len() >= attempts
    });
    for (webhook, spelling) in webhooks {
        let delivery = &tried[webhook];
        for cause in causes(delivery) {
            // Some spellings of this machine's name are one to the URL standard and none to the resolver.
            let unknown = spelling.kind == Kind::Name && cause == "NAME_RESOLUTION";
            assert!(
                cause == "FORBIDDEN_ADDRESS" || unknown,
                "{spelling:?}: {delivery}"
            );
        }
    }
}

/// What is sent on request is judged as what is sent by itself. Each request waits for what comes of it, so many are made at
/// once.
fn no_probe_gets_through(client: &Client, stored: &Stored) {
    let webhooks: Vec<_> = stored.iter().collect();
    thread::scope(|scope| {
        for share in webhooks.chunks(webhooks.len().div_ceil(16)) {
            let client = client.clone();
            scope.spawn(move || {
                for (webhook, spelling) in share {
                    for probe in ["send-test", "send-penalty-box-payload"] {
                        let answer = client.post(&format!("/v1/webhooks/{webhook}/{probe}")).send();
                        let told = answer.expect_status(200).json();
                        assert_eq!(told["successful"], false, "{probe}: {spelling:?}: {told}");
                    }
                }
            });
        }
    });
}

fn public_addresses_are_delivered_to(client: &Client, trap: &Trap) {
    let mut addresses = Vec::new();
    let mut webhooks = HashMap::new();
    for (host, address) in spellings::public() {
        let url = json!({"url": trap.url(&host)});
        let tested = client
            .post("/v1/webhooks/test-connection")
            .json(&with(new_webhook(), url.clone()))
            .send();
        assert_eq!(tested.expect_status(200).json()["successful"], true, "{host}");
        webhooks.insert(create_with(client, url).id().to_owned(), host);
        addresses.push(address);
    }
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(trap.reached(), addresses);
    let event = publish(client);
    let done = deliveries(client, &event, |webhook, delivery| {
        !webhooks.contains_key(webhook) || !causes(delivery).is_empty()
    });
    for (webhook, host) in &webhooks {
        assert_eq!(done[webhook]["status"], "SUCCEEDED", "{host}: {}", done[webhook]);
    }
    assert_eq!(trap.reached(), addresses);
}
