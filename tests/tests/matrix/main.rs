//! Who may do what: every endpoint, with every credential and every way to name a platform, against an oracle of its own
//! that knows the order of the checks and nothing of the service.

mod credentials;
mod endpoints;

use serde_json::Value;
use webhook_tests::{
    Answer, Backend, Client, Deployment, Service, client::Request, fixtures::get, issuer::Issuer,
    on_each_database, service::ALL_PERMISSIONS,
};

use crate::credentials::{Carrier, Credential, Credentials, Kind};
use crate::endpoints::{ENDPOINTS, Endpoint, Maker, OPEN, Target, Victims};

on_each_database!(
    every_endpoint_is_open_to_whom_it_must_be_and_to_nobody_else,
    what_needs_no_credential_asks_after_none,
    a_foreign_id_and_an_unknown_one_are_answered_the_same,
);

/// The platform that the credentials belong to.
const OWN: &str = "default";

/// The ways to name a platform: the values of `x-platform-id`.
const PLATFORMS: [&[&str]; 5] = [&[], &[OWN], &["other"], &["no platform"], &[OWN, OWN]];

struct Fixture {
    service: Service,
    issuer: Issuer,
}

impl Fixture {
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
        (Kind::Lacking(missing), _) if missing == endpoint.permission => (403, Some(missing)),
        (_, [_, _]) => (400, Some("x-platform-id")),
        (_, ["no platform"]) => (400, Some("x-platform-id")),
        (Kind::OtherTenant, [name]) if *name != "other" => (403, None),
        (Kind::OtherTenant, _) if endpoint.target != Target::None => (404, None),
        (Kind::OtherTenant, _) => (endpoint.success, None),
        (Kind::All, ["other"]) if endpoint.target != Target::None => (404, None),
        (Kind::All, _) => (endpoint.success, None),
        (Kind::Sufficient | Kind::Lacking(_), ["other"]) => (403, None),
        (Kind::Sufficient | Kind::Lacking(_), _) => (endpoint.success, None),
    }
}

fn every_endpoint_is_open_to_whom_it_must_be_and_to_nobody_else(backend: Backend) {
    let fixture = Fixture::new(backend);
    let (victims, maker) = (Victims::new(&fixture.service), Maker::new(&fixture.service));
    let mut credentials = Credentials::default();
    let victim = &victims.webhook;
    let audited = || audit_records(&fixture.service, victim.id());
    let before = audited();
    let (mut cells, mut granted) = (0, 0);
    for endpoint in &ENDPOINTS {
        for kind in Kind::all() {
            let credential = credentials.get(&fixture.service, &fixture.issuer, kind, endpoint.permission);
            for carrier in Carrier::ALL {
                let client = fixture.client(credential, carrier);
                for platforms in PLATFORMS {
                    cells += 1;
                    let (status, named) = expected(kind, platforms, endpoint);
                    // What is refused is aimed at a victim; what succeeds gets something of its own to spend.
                    let target = match status {
                        200 | 201 => maker.fresh_target(endpoint, kind, platforms),
                        _ => victims.id(endpoint),
                    };
                    let answer = ask(&client, endpoint, &target, platforms);
                    let (method, path) = (endpoint.method, endpoint.path);
                    let cell = format!(
                        "{method} {path}: {kind:?} by {carrier:?} naming {platforms:?}: {}",
                        answer.shown()
                    );
                    assert_eq!(answer.status, status, "{cell}");
                    if let Some(named) = named {
                        assert!(answer.text().contains(named), "{cell}");
                    }
                    if status >= 400 {
                        answer.expect_without(&victim.secret());
                    } else {
                        granted += 1;
                        let shown = endpoint.shows_secret(kind);
                        if let Some(shown) = shown {
                            assert_eq!(answer.json()["secret_key"].is_string(), shown, "{cell}");
                        }
                    }
                }
            }
        }
    }
    let all = ENDPOINTS.len() * (7 + ALL_PERMISSIONS.len()) * Carrier::ALL.len() * PLATFORMS.len();
    assert_eq!(cells, all, "none was skipped");
    println!("{all} cells, {granted} of them granted");
    assert_eq!(
        &get(&fixture.service.client(), victim),
        victim,
        "no refused request changed anything"
    );
    get(&fixture.service.client_with(&victims.api_key), victim);
    let read_back = |records: &Vec<Value>| {
        let reveals = records
            .iter()
            .filter(|record| record["action"] == "WEBHOOK.SECRET_REVEALED");
        records.len() - reveals.count()
    };
    assert_eq!(read_back(&audited()), read_back(&before), "nor left a record");
}

fn what_needs_no_credential_asks_after_none(backend: Backend) {
    let fixture = Fixture::new(backend);
    let mut credentials = Credentials::default();
    for kind in Kind::all() {
        let credential = credentials.get(&fixture.service, &fixture.issuer, kind, "WEBHOOK.VIEW");
        for carrier in Carrier::ALL {
            let client = fixture.client(credential, carrier);
            for platforms in PLATFORMS {
                for (path, status) in OPEN {
                    // A page is not JSON.
                    let answer = naming(client.get(path), platforms).unchecked().send();
                    let shown = answer.shown();
                    assert_eq!(
                        answer.status, status,
                        "{path}: {kind:?} by {carrier:?} naming {platforms:?}: {shown}"
                    );
                }
            }
        }
    }
}

fn audit_records(service: &Service, id: &str) -> Vec<Value> {
    let path = format!("/v1/audit-records?limit=100&resource_id={id}");
    let listed = service.client().get(&path).send().expect_status(200).json();
    listed["data"].as_array().expect("a list").clone()
}

fn ask(client: &Client, endpoint: &Endpoint, target: &str, platforms: &[&str]) -> Answer {
    let request = client.request(endpoint.method, &endpoint.path.replace("{id}", target));
    let request = naming(request, platforms);
    match endpoint.body() {
        Some(body) => request.json(&body).send(),
        None => request.send(),
    }
}

fn naming<'client>(request: Request<'client>, platforms: &[&str]) -> Request<'client> {
    let naming = |request: Request<'client>, platform: &&str| request.header("x-platform-id", platform);
    platforms.iter().fold(request, naming)
}

fn a_foreign_id_and_an_unknown_one_are_answered_the_same(backend: Backend) {
    let fixture = Fixture::new(backend);
    let victims = Victims::new(&fixture.service);
    let stranger = fixture.service.client_of("stranger", &ALL_PERMISSIONS);
    let everyone = fixture
        .service
        .client_of("*", &ALL_PERMISSIONS)
        .and_header("x-platform-id", "stranger");
    let mut compared = 0;
    for endpoint in ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.target != Target::None)
    {
        let foreign = victims.id(endpoint);
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
    assert_eq!(compared, 24, "twelve endpoints, two callers");
    let victim = &victims.webhook;
    assert_eq!(&get(&fixture.service.client(), victim), victim);
    get(&fixture.service.client_with(&victims.api_key), victim);
}
