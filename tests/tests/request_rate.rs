//! How often clients may ask, as the operator set it.

use std::{thread::sleep, time::Duration};

use webhook_tests::{
    Answer, Backend, Client, Deployment, Service,
    fixtures::{create, get},
};

/// Asks until told to wait, and says for how many seconds.
#[track_caller]
fn seconds_to_wait(client: &Client, path: &str) -> u64 {
    let too_often = |answer: &Answer| answer.status == 429;
    let refused = (0..200).map(|_| client.get(path).send()).find(too_often);
    let refused = refused.expect("nothing was refused");
    refused.expect_refusal(429, "INVALID_REQUEST");
    let seconds = refused.header("retry-after").and_then(|text| text.parse().ok());
    seconds.unwrap_or_else(|| panic!("no Retry-After: {}", refused.shown()))
}

#[test]
fn a_credential_waits_as_it_is_told_and_goes_on() {
    let service =
        Service::start_on(Deployment::new(Backend::Sqlite).with("WEBHOOK_REQUESTS_PER_SECOND", "2"));
    let webhook = create(&service.client());
    let seconds = seconds_to_wait(&service.client(), &webhook.path());
    let other = service.deployment().create_key("default", &["WEBHOOK.VIEW"], &[]);
    service
        .client_with(&other)
        .get(&webhook.path())
        .send()
        .expect_status(200);
    assert_eq!(seconds, 1);
    sleep(Duration::from_secs(seconds));
    get(&service.client(), &webhook);
}

#[test]
fn an_address_that_fails_too_often_waits_and_a_valid_key_from_it_does_not() {
    let setting = "WEBHOOK_FAILED_AUTHENTICATIONS_PER_SECOND";
    let service = Service::start_on(Deployment::new(Backend::Sqlite).with(setting, "1"));
    let webhook = create(&service.client());
    assert_eq!(
        seconds_to_wait(&service.client_with("nonsense"), &webhook.path()),
        1
    );
    get(&service.client(), &webhook);
    service.anonymous().get("/health/ready").send().expect_status(200);
}
