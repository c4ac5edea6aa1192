//! Who may do what: every endpoint, with every credential and every way to name a platform, against an oracle of its own
//! that knows the order of the checks and nothing of the service.

mod credentials;
mod endpoints;

use std::cell::Cell;

use serde_json::Value;
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    fixtures::{create, get},
    issuer::Issuer,
    on_each_database,
    service::ALL_PERMISSIONS,
};

use crate::credentials::{Carrier, Credential, Kind};
use crate::endpoints::{ENDPOINTS, Endpoint, Target};

on_each_database!(
    every_endpoint_is_open_to_whom_it_must_be_and_to_nobody_else,
    a_foreign_id_and_an_unknown_one_are_answered_the_same,
);

/// The platform that the credentials belong to.
const OWN: &str = "default";

/// The ways to name a platform: the values of `x-platform-id`.
const PLATFORMS: [&[&str]; 5] = [&[], &[OWN], &["other"], &["no platform"], &[OWN, OWN]];

struct House {
    service: Service,
    issuer: Issuer,
}

impl House {
    fn new(backend: Backend) -> Self {
        let issuer = Issuer::new();
        let mut deployment = Deployment::new(backend).with("WEBHOOK_FAILED_AUTHENTICATIONS_PER_SECOND", "0");
        issuer.introduce_to(&mut deployment);
        Self {
            service: Service::start_on(deployment),
            issuer,
        }
    }

    fn client(&self, credential: &Credential, carrier: Carrier) -> Client {
        let anonymous = self.service.anonymous();
        match (credential.text(carrier), carrier) {
            (None, _) => anonymous,
            (Some(text), Carrier::ApiKey) => anonymous.and_header("X-API-KEY", text),
            (Some(text), _) => anonymous.and_header("Authorization", &format!("Bearer {text}")),
        }
    }
}

/// What the contract wants: the status, and what the refusal must name.
fn expected(kind: Kind, platforms: &[&str], endpoint: &Endpoint) -> (u16, Option<&'static str>) {
    match (kind, platforms) {
        (Kind::None | Kind::Unknown | Kind::Revoked | Kind::Expired, _) => (401, None),
        (Kind::Lacking, _) => (403, Some(endpoint.permission)),
        (_, [_, _]) => (400, Some("x-platform-id")),
        (_, ["no platform"]) => (400, Some("x-platform-id")),
        (Kind::OtherTenant, [name]) if *name != "other" => (403, None),
        (Kind::OtherTenant, _) if endpoint.target != Target::None => (404, None),
        (Kind::OtherTenant, _) => (endpoint.success, None),
        (Kind::All, ["other"]) if endpoint.target != Target::None => (404, None),
        (Kind::All, _) => (endpoint.success, None),
        (Kind::Sufficient, ["other"]) => (403, None),
        (Kind::Sufficient, _) => (endpoint.success, None),
    }
}

fn every_endpoint_is_open_to_whom_it_must_be_and_to_nobody_else(backend: Backend) {
    let house = House::new(backend);
    let victim = create(&house.service.client());
    let audited = || audit_records(&house.service, victim.id());
    let before = audited();
    let (cells, changes) = (Cell::new(0), Cell::new(0));
    for endpoint in &ENDPOINTS {
        for kind in Kind::ALL {
            let credential = Credential::new(&house.service, &house.issuer, kind, endpoint.permission);
            for carrier in Carrier::ALL {
                let client = house.client(&credential, carrier);
                for platforms in PLATFORMS {
                    cells.set(cells.get() + 1);
                    let (status, named) = expected(kind, platforms, endpoint);
                    // What is refused is aimed at the victim; what succeeds gets something of its own to spend.
                    let target = match status {
                        200 | 201 => endpoint.fresh_target(&house.service, kind, platforms),
                        _ => endpoint.victim(&house.service, victim.id()),
                    };
                    let answer = ask(&client, endpoint, &target, platforms);
                    let cell = || format!("{kind:?} by {carrier:?} naming {platforms:?}: {}", answer.shown());
                    assert_eq!(
                        answer.status,
                        status,
                        "{} {}: {}",
                        endpoint.method,
                        endpoint.path,
                        cell()
                    );
                    if let Some(named) = named {
                        assert!(answer.text().contains(named), "{}", cell());
                    }
                    if status >= 400 {
                        answer.expect_without(&victim.secret());
                    } else {
                        changes.set(changes.get() + 1);
                    }
                }
            }
        }
    }
    let all = ENDPOINTS.len() * Kind::ALL.len() * Carrier::ALL.len() * PLATFORMS.len();
    assert_eq!(cells.get(), all, "none was skipped");
    println!("{all} cells, {} of them granted", changes.get());
    assert_eq!(
        get(&house.service.client(), &victim),
        victim,
        "no refused request changed anything"
    );
    let read_back = |records: &Vec<Value>| {
        let reveals = records
            .iter()
            .filter(|record| record["action"] == "WEBHOOK.SECRET_REVEALED");
        records.len() - reveals.count()
    };
    assert_eq!(read_back(&audited()), read_back(&before), "nor left a record");
}

fn audit_records(service: &Service, id: &str) -> Vec<Value> {
    let path = format!("/v1/audit-records?limit=100&resource_id={id}");
    let listed = service.client().get(&path).send().expect_status(200).json();
    listed["data"].as_array().expect("a list").clone()
}

fn ask(client: &Client, endpoint: &Endpoint, target: &str, platforms: &[&str]) -> Answer {
    let mut request = client.request(endpoint.method, &endpoint.path.replace("{id}", target));
    for platform in platforms {
        request = request.header("x-platform-id", platform);
    }
    match endpoint.body() {
        Some(body) => request.json(&body).send(),
        None => request.send(),
    }
}

fn a_foreign_id_and_an_unknown_one_are_answered_the_same(backend: Backend) {
    let house = House::new(backend);
    let victim = create(&house.service.client());
    let stranger = house.service.client_of("stranger", &ALL_PERMISSIONS);
    let everyone = house
        .service
        .client_of("*", &ALL_PERMISSIONS)
        .and_header("x-platform-id", "stranger");
    let mut compared = 0;
    for endpoint in ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.target != Target::None)
    {
        let foreign = endpoint.victim(&house.service, victim.id());
        let unknown = endpoint.unknown();
        for client in [&stranger, &everyone] {
            let alike = |id: &str| {
                let answer = ask(client, endpoint, id, &[]);
                answer.expect_refusal(404, "RESOURCE_NOT_FOUND");
                assert_eq!(answer.body.len(), ask(client, endpoint, id, &[]).body.len());
                let (status, headers, body) = answer.comparable();
                (status, headers, body.replace(id, "{id}"))
            };
            assert_eq!(
                alike(&foreign),
                alike(unknown),
                "{} {}",
                endpoint.method,
                endpoint.path
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 12, "six endpoints, two callers");
    assert_eq!(get(&house.service.client(), &victim), victim);
}
