//! `docs/console.md`: the console as the binary serves it.

use webhook_tests::{Answer, Backend, Client, Deployment, Service, book};

use crate::reader::Reader;

const FORM: &str = "application/x-www-form-urlencoded";

/// Signs in with `key` from a page of the console's own.
fn sign_in(client: &Client, key: &str) -> Answer {
    let request = client
        .post("/console/sign-in")
        .body(FORM, format!("api_key={key}"));
    request
        .header("Sec-Fetch-Site", "same-origin")
        .send()
        .expect_status(303)
}

/// A browser with the cookie that signing in was answered with.
fn browser(service: &Service, signed_in: &Answer) -> Client {
    let set = signed_in.header("set-cookie").expect("a cookie");
    let (cookie, _) = set.split_once(';').expect("its attributes");
    service.anonymous().and_header("Cookie", cookie)
}

fn overview(browser: &Client) -> Answer {
    browser.get("/console/p/default/").send()
}

fn a_session_lasts_as_long_as_its_key(backend: Backend) {
    let mut service = Service::start(backend);
    let key = Reader::of(service.deployment()).read(&book::block("console:viewer"));
    let key = key.trim();
    let signed_in = sign_in(&service.anonymous(), key);
    assert_eq!(signed_in.header("location"), Some("/console/p/default/"));
    let page = overview(&browser(&service, &signed_in)).expect_status(200);
    assert!(page.text().contains("WEBHOOK_EVENT.VIEW"), "{}", page.shown());
    // Another process finds it, and finds that its key is revoked.
    service.kill();
    service.start_again();
    overview(&browser(&service, &signed_in)).expect_status(200);
    // The id of a key is the beginning of its text.
    let id = format!("key_{}", &key["whkey_".len()..][..26]);
    service
        .deployment()
        .run(&["api-key", "revoke", &id])
        .expect_success();
    let sent_away = overview(&browser(&service, &signed_in)).expect_status(303);
    assert!(
        sent_away
            .header("location")
            .is_some_and(|to| to.starts_with("/console/sign-in"))
    );
}

webhook_tests::on_each_database!(a_session_lasts_as_long_as_its_key);

#[test]
fn a_console_that_is_turned_off_is_not_there() {
    let service = Service::start_on(Deployment::new(Backend::Sqlite).with("WEBHOOK_CONSOLE", "off"));
    let unknown = service.anonymous().get("/nowhere").send();
    for path in [
        "/console",
        "/console/",
        "/console/sign-in",
        "/console/assets/console.css",
    ] {
        let answer = service.anonymous().get(path).send();
        answer.expect_refusal(404, "RESOURCE_NOT_FOUND");
        assert_eq!(answer.body, unknown.body, "{path}");
    }
}
