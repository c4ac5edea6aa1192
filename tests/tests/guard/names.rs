//! Where a name leads is judged at the connection, by what the name server says then, and what was judged is connected to.
//!
//! A service that judged a name when it was stored, or looked it up once to judge it and again to connect, would be led
//! inside by a name server that changes its mind.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde_json::{Value, json};
use webhook_tests::{Backend, Client, Service, fixtures::create_with, spellings};

use crate::{
    causes, deliveries, deployment,
    name_server::{Finding, NameServer},
    network::Network,
    publish, test_on,
    trap::Trap,
};

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is delivered at the first attempt.
    Delivered,
    /// Its first attempt does not connect, its second delivers it.
    DeliveredLater,
    /// No attempt connects.
    Forbidden,
    /// No attempt finds an address.
    Unknown,
    /// The receiver answers with a redirect, and that is all.
    Redirected,
}

/// A name, and what is to become of deliveries to it.
struct Case {
    url: String,
    name: String,
    findings: Vec<Finding>,
    fate: Fate,
    /// Of a second delivery, if the first was delivered.
    fate_after: Fate,
}

impl Case {
    fn new(name: &str, findings: &[Finding], fate: Fate) -> Self {
        Self {
            url: format!("http://{name}/hook"),
            name: name.to_ascii_lowercase(),
            findings: findings.to_vec(),
            fate,
            fate_after: fate,
        }
    }

    fn then(mut self, fate: Fate) -> Self {
        self.fate_after = fate;
        self
    }

    fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }
}

pub(crate) fn no_answer_of_a_name_server_leads_to_a_forbidden_address(backend: Backend) {
    let name = "no_answer_of_a_name_server_leads_to_a_forbidden_address";
    Network::run(&test_on(backend, name), |network| match network {
        Network::Own => story(backend),
        // Without a network of one's own there is no name server of one's own, which was said loudly.
        Network::Shared => {}
    });
}

fn story(backend: Backend) {
    let trap = Trap::set(Network::Own);
    let cluster = Network::Own.cluster(backend);
    let cases = cases();
    let zone = cases
        .iter()
        .map(|case| (case.name.clone(), case.findings.clone()));
    let names = NameServer::start(zone.filter(|(_, findings)| !findings.is_empty()).collect());
    let service = Service::start_on(deployment(backend, cluster.as_ref()));
    let client = service.client();
    let stored: BTreeMap<String, Case> = cases
        .into_iter()
        .map(|case| {
            (
                create_with(&client, json!({"url": case.url})).id().to_owned(),
                case,
            )
        })
        .collect();

    expect(&client, &stored, |case| Some(case.fate));
    expect(&client, &stored, |case| {
        let first_is_done = matches!(case.fate, Fate::Delivered | Fate::DeliveredLater);
        first_is_done.then_some(case.fate_after)
    });
    for (webhook, case) in &stored {
        if case.fate == Fate::Forbidden {
            let asked = names.asked(&case.name);
            assert!(asked >= 2, "{}: each attempt asks, and {asked} did", case.name);
            let path = format!("/v1/webhooks/{webhook}/send-test");
            let told = client.post(&path).send().expect_status(200).json();
            assert_eq!(told["successful"], false, "{}", case.name);
        }
    }

    let public: BTreeSet<IpAddr> = spellings::public()
        .into_iter()
        .map(|(_, address)| address)
        .collect();
    assert_eq!(trap.reached(), public.into_iter().collect::<Vec<_>>());
}

/// Publishes an event, and waits until its deliveries to the webhooks for which `fate` tells one have met it.
#[track_caller]
fn expect(client: &Client, stored: &BTreeMap<String, Case>, fate: impl Fn(&Case) -> Option<Fate>) {
    let event = publish(client);
    let tried = deliveries(client, &event, |webhook, delivery| {
        let attempts = causes(delivery).len();
        fate(&stored[webhook]).is_none() || attempts >= 2 || delivery["status"] == "SUCCEEDED"
    });
    for (webhook, case) in stored {
        if let Some(fate) = fate(case) {
            let delivery = &tried[webhook];
            assert!(has_met(fate, delivery), "{} is {fate:?}: {delivery}", case.name);
        }
    }
}

fn has_met(fate: Fate, delivery: &Value) -> bool {
    let causes = causes(delivery);
    let all = |cause| delivery["status"] == "PENDING" && causes.iter().all(|found| *found == cause);
    match fate {
        Fate::Delivered => causes == ["none"],
        Fate::DeliveredLater => causes == ["FORBIDDEN_ADDRESS", "none"],
        Fate::Forbidden => all("FORBIDDEN_ADDRESS"),
        Fate::Unknown => all("NAME_RESOLUTION"),
        Fate::Redirected => all("STATUS_CODE"),
    }
}

fn cases() -> Vec<Case> {
    let mut cases = steady();
    cases.extend(mixed());
    cases.extend(aliases());
    cases.extend(changing());
    cases.extend(redirects());
    cases.push(Case::new("nosuch.test", &[], Fate::Unknown));
    // A name without an address.
    cases.push(Case::new("empty.test", &[Finding::of(&[])], Fate::Unknown));
    cases
}

/// `text` as addresses.
fn addresses(text: &str) -> Finding {
    let addresses: Vec<IpAddr> = text
        .split(' ')
        .map(|address| address.parse().expect("an address"))
        .collect();
    Finding::of(&addresses)
}

/// A name for each forbidden address and each public one.
fn steady() -> Vec<Case> {
    let forbidden: BTreeSet<IpAddr> = spellings::forbidden()
        .iter()
        .filter_map(|spelling| spelling.address())
        .collect();
    let public = spellings::public().into_iter().map(|(_, address)| address);
    let forbidden = forbidden.into_iter().map(|address| (address, Fate::Forbidden));
    let all = forbidden.chain(public.map(|address| (address, Fate::Delivered)));
    all.enumerate()
        .map(|(n, (address, fate))| Case::new(&format!("n{n}.test"), &[Finding::of(&[address])], fate))
        .collect()
}

/// Names with several addresses: those that may be are tried, the others are not.
fn mixed() -> Vec<Case> {
    let case = |name: &str, found: &str, fate| Case::new(name, &[addresses(found)], fate);
    vec![
        case("inside-first.test", "10.1.2.3 93.184.216.34", Fate::Delivered),
        case("inside-last.test", "93.184.216.34 10.1.2.3", Fate::Delivered),
        case("v6.test", "fd00::1 2606:4700::1111 ::1", Fate::Delivered),
        case("v4-may.test", "::1 fd00::1 8.8.8.8", Fate::Delivered),
        case("v6-may.test", "127.0.0.1 2606:4700::1111", Fate::Delivered),
        case(
            "metadata.test",
            "169.254.169.254 8.8.8.8 fd00:ec2::254",
            Fate::Delivered,
        ),
        case(
            "all-inside.test",
            "10.1.2.3 127.0.0.1 ::1 fd00::1 ::ffff:10.1.2.3",
            Fate::Forbidden,
        ),
        case("SHOUTED.test", "192.168.1.254", Fate::Forbidden),
        case("10.1.2.3.test", "10.1.2.3", Fate::Forbidden),
        case("encrypted.test", "10.1.2.3", Fate::Forbidden).at("https://encrypted.test/"),
        case("dotted.test", "10.1.2.3", Fate::Forbidden).at("http://dotted.test./"),
    ]
}

fn aliases() -> Vec<Case> {
    let case = |name: &str, aliases: &[&str], found: &str, fate| {
        Case::new(name, &[addresses(found).by_way_of(aliases)], fate)
    };
    let chain = ["a.cdn.test", "b.cdn.test", "c.cdn.test", "d.corp.test"];
    vec![
        case("alias.test", &["inner.corp.test"], "10.1.2.3", Fate::Forbidden),
        case("chain.test", &chain, "192.168.1.254 fd00::1", Fate::Forbidden),
        case(
            "alias-of-this.test",
            &["localhost"],
            "127.0.0.1 ::1",
            Fate::Forbidden,
        ),
        case("alias-of-number.test", &["10.1.2.3"], "10.1.2.3", Fate::Forbidden),
        case(
            "public-alias.test",
            &chain,
            "93.184.216.34 10.1.2.3",
            Fate::Delivered,
        ),
    ]
}

/// Names that lead elsewhere at every look-up.
fn changing() -> Vec<Case> {
    let mut cases = Vec::new();
    let inside = [
        "10.1.2.3",
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "fd00::1",
        "::ffff:192.168.1.254",
    ];
    for (n, inside) in inside.into_iter().enumerate() {
        let turn = |found: &str| addresses(found);
        let (out, both) = ("93.184.216.34 2606:4700::1111", format!("{inside} 8.8.8.8"));
        let rebound = [turn(out), turn(inside)];
        let named = |kind: &str| format!("{kind}{n}.test");
        cases.push(Case::new(&named("rebound"), &rebound, Fate::Delivered).then(Fate::Forbidden));
        let later = [turn(inside), turn(out), turn(inside)];
        cases.push(Case::new(&named("later"), &later, Fate::DeliveredLater).then(Fate::Forbidden));
        let narrowing = [turn(&both), turn(inside)];
        cases.push(Case::new(&named("narrowing"), &narrowing, Fate::Delivered).then(Fate::Forbidden));
        let back = [turn(out), turn(inside), turn(out)];
        cases.push(Case::new(&named("back"), &back, Fate::Delivered).then(Fate::DeliveredLater));
    }
    cases
}

/// A public receiver that sends on to somewhere else.
fn redirects() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        for (n, host) in ["10.1.2.3", "169.254.169.254", "[::1]", "alias.test", "8.8.8.8"]
            .iter()
            .enumerate()
        {
            let name = format!("redirect{status}-{n}.test");
            let url = format!("http://{name}/redirect/{status}/{host}");
            let found = [addresses("93.184.216.34")];
            cases.push(Case::new(&name, &found, Fate::Redirected).at(&url));
        }
    }
    cases
}
