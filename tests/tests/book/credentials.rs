//! `docs/credentials.md` and `docs/command-line.md`.

use std::fs;

use webhook_tests::{Backend, Deployment, Service, book, issuer::Issuer};

use crate::reader::Reader;

#[test]
fn bearer_tokens_are_taken_with_the_settings_of_the_page() {
    let place = Deployment::new(Backend::Sqlite);
    let keys = place.directory().join("jwks.json");
    fs::write(&keys, Issuer::key_set(&[Issuer::new().jwk()])).expect("a file");
    let mut reader = Reader::of(&place);
    reader.replace("/etc/webhook/jwks.json", &keys.to_string_lossy());
    let block = book::block("credentials:jwt");
    let said = reader
        .run(&format!("{block}webhook-server doctor || true\n"))
        .output();
    assert!(said.contains("OK    settings.jwt_keys"), "{said}");
}

#[test]
fn an_event_is_published_on_the_command_line_as_the_page_says() {
    let service = Service::start(Backend::Sqlite);
    webhook_tests::fixtures::create(&service.client());
    let reader = Reader::of(service.deployment());
    let said = reader.read(&book::block("command-line:publish"));
    assert!(said.contains("INVOICE.PAID"), "{said}");
}
