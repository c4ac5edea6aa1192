//! Creating and changing webhooks.

use std::time::Duration;

use webhook_domain::access::permission::Permission;
use webhook_domain::ports::AuditQuery;
use webhook_domain::webhook::{ActionList, Name};

use crate::browser::Browser;
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/webhooks";
const NEW: &str = "/console/p/acme/webhooks/new";

#[actix_web::test]
async fn a_webhook_is_created_once_and_its_secret_shown() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser
        .get(LIST)
        .await
        .shows("There is no webhook yet.")
        .shows(&format!("href=\"{NEW}\""));
    let page = browser.get_through(NEW).await;
    let written = [
        ("name", "Invoices"),
        ("url", "https://example.com/hook"),
        ("active", "true"),
        ("authentication_type", "PASSWORD"),
        ("username", "billing"),
        ("password", "correct.horse"),
        ("custom_headers", "X-Tenant: acme\nX-Gateway-Key: let.me.in\n"),
        ("signing_protocol", "HmacSHA256"),
        ("secret_rotation_days", "90"),
    ];
    let fields = Browser::fill(&page, NEW, &written);
    let created = browser.send(NEW, &fields).await;
    created
        .is(200)
        .shows("was created")
        .shows("whsec_")
        .hides("correct.horse");
    guarded(&created.text);
    assert_eq!(browser.send(NEW, &fields).await.text, created.text);
    browser.get(LIST).await.shows("1 webhook<").shows("Invoices");
    let (_, rest) = created.text.split_once(&format!("href=\"{LIST}/")).unwrap();
    let here = format!("{LIST}/{}", rest.split('"').next().unwrap());
    let page = browser.get(&here).await;
    page.is(200)
        .shows("HTTP Basic, as billing")
        .shows("X-Tenant, X-Gateway-Key")
        .shows("after 90 days");
    page.hides("correct.horse").hides("let.me.in").hides("whsec_");
    let edit = browser.get_through(&format!("{here}/edit")).await;
    edit.shows("value=\"billing\"")
        .shows("X-Gateway-Key")
        .hides("correct.horse")
        .hides("let.me.in");
}

#[actix_web::test]
async fn what_is_wrong_is_said_beside_its_field_and_what_was_written_stays() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let page = browser.get_through(NEW).await;
    let written = [
        ("name", "Invo\u{7}ices"),
        ("url", "http://example.com/<hook>"),
        ("authentication_type", "PASSWORD"),
        ("username", "bil ling"),
        ("password", "hunter 2"),
        ("included_actions", "INVOICE.CREATED\nno action"),
        ("custom_headers", "Host: x"),
        ("signing_protocol", "HmacSHA256"),
        ("secret_rotation_days", "0"),
    ];
    let wrong = browser.send(NEW, &Browser::fill(&page, NEW, &written)).await;
    wrong
        .is(400)
        .hides("hunter 2")
        .hides("whsec_")
        .shows("Nothing was created");
    guarded(&wrong.text);
    let fields = [
        "name",
        "username",
        "password",
        "included_actions",
        "custom_headers",
        "secret_rotation_days",
    ];
    for field in fields {
        wrong.shows(&format!("id=\"{field}-wrong\""));
        let (_, input) = wrong.text.split_once(&format!("id=\"{field}\"")).unwrap();
        assert!(
            input.split('>').next().unwrap().contains("aria-invalid=\"true\""),
            "{field}"
        );
    }
    wrong
        .shows("value=\"bil ling\"")
        .shows("value=\"http://example.com/&#60;hook&#62;\"")
        .shows("no action");
    // What the deployment has against a value, and what fields need of each other.
    for (name, value, field) in [
        ("url", "http://example.com/hook", "url"),
        ("url", "https://10.0.0.1/", "url"),
        ("included_actions", "MADE.UP", "included_actions"),
        ("authentication_type", "API_KEY", "api_header_field"),
    ] {
        let written = [
            ("authentication_type", "NONE"),
            ("signing_protocol", "HmacSHA256"),
            (name, value),
        ];
        let mut fields = Browser::fill(&page, NEW, &written);
        // A later field of the same name is not read.
        fields.retain(|(other, _)| other != name);
        fields.push((name.to_owned(), value.to_owned()));
        let wrong = browser.send(NEW, &fields).await;
        wrong.is(400).shows(&format!("id=\"{field}-wrong\""));
    }
    browser.get(LIST).await.shows("There is no webhook yet.");
}

#[actix_web::test]
async fn a_form_that_was_wrong_is_mended_and_sent_again() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let page = browser.get_through(NEW).await;
    let written = [
        ("authentication_type", "NONE"),
        ("signing_protocol", "Ed25519"),
        ("url", "nowhere"),
    ];
    let wrong = browser.send(NEW, &Browser::fill(&page, NEW, &written)).await;
    assert_eq!(wrong.hidden(NEW), page.hidden(NEW));
    let mended = [
        ("authentication_type", "NONE"),
        ("signing_protocol", "Ed25519"),
        ("url", "https://example.com/"),
    ];
    let created = browser.send(NEW, &Browser::fill(&wrong, NEW, &mended)).await;
    created.is(200).shows("whpk_").hides("whsec_").hides("whsk_");
}

#[actix_web::test]
async fn a_webhook_is_changed_and_keeps_what_the_form_does_not_show() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let here = format!("{LIST}/{}", webhook.id);
    let action = format!("{here}/edit");
    let edit = async |written: &[(&str, &str)]| {
        let page = browser.get_through(&action).await;
        browser
            .send(&action, &Browser::fill(&page, &action, written))
            .await
    };
    let with_key = [
        ("name", "Bills"),
        ("url", "https://example.com/hook"),
        ("authentication_type", "API_KEY"),
        ("api_header_field", "X-Key"),
        ("api_key", "k1"),
        ("included_actions", "INVOICE.CREATED, INVOICE.UPDATED"),
        ("custom_headers", "X-Tenant: acme"),
    ];
    assert_eq!(edit(&with_key).await.location(), format!("{here}?done=updated"));
    let first = scene.stored("acme", webhook.id).await.unwrap();
    assert_eq!(first.settings.name.as_ref().map(Name::as_str), Some("Bills"));
    assert_eq!(
        first
            .settings
            .included_actions
            .as_ref()
            .map(|list: &ActionList| list.iter().count()),
        Some(2)
    );
    assert!(!first.settings.active);
    // The key and the value of the header are not written again.
    let without = [
        ("name", "Bills"),
        ("url", "https://example.com/hook"),
        ("active", "true"),
        ("authentication_type", "API_KEY"),
        ("api_header_field", "X-Key"),
        ("api_key", ""),
        ("included_actions", "INVOICE.CREATED\nINVOICE.UPDATED\n"),
        ("custom_headers", "X-Tenant\n"),
    ];
    edit(&without).await.is(303);
    let second = scene.stored("acme", webhook.id).await.unwrap();
    assert!(second.settings.active);
    assert_eq!(second.settings.authentication, first.settings.authentication);
    assert_eq!(second.settings.custom_headers, first.settings.custom_headers);
    assert_eq!(second.settings.included_actions, first.settings.included_actions);
    // A reference that another one has.
    let taken = [("authentication_type", "NONE"), ("reference", "r1")];
    edit(&taken).await.is(303);
    let other = scene.webhook("acme", "Other").await;
    let action = format!("{LIST}/{}/edit", other.id);
    let page = browser.get_through(&action).await;
    let refused = browser
        .send(&action, &Browser::fill(&page, &action, &taken))
        .await;
    refused.is(400).shows("id=\"reference-wrong\"");
}

#[actix_web::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{LIST}/{}/edit", webhook.id);
    let pages = [
        browser.get_through(&action).await,
        browser.get_through(&action).await,
    ];
    let written = |name| [("name", name), ("authentication_type", "NONE")];
    browser
        .send(&action, &Browser::fill(&pages[0], &action, &written("First")))
        .await
        .is(303);
    let late = browser
        .send(&action, &Browser::fill(&pages[1], &action, &written("Second")))
        .await;
    late.is(409).shows("Somebody changed the webhook");
    let stored = scene.stored("acme", webhook.id).await.unwrap();
    assert_eq!(stored.settings.name.as_ref().map(Name::as_str), Some("First"));
}

#[actix_web::test]
async fn who_may_only_look_is_offered_nothing_else() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    viewer.get(LIST).await.hides(NEW);
    for path in [NEW, &format!("{LIST}/{}/edit", webhook.id)] {
        viewer.get(path).await.is(403);
        viewer.post(path, &[("form", "console-0")]).await.is(403);
    }
}

/// A secret of a former provider's.
const BROUGHT: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDoWdfVfXuLbE=";

#[actix_web::test]
async fn a_secret_that_the_receiver_has_is_brought_along() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let page = browser.get_through(NEW).await;
    let send = async |secrets: &[(&str, &str)]| {
        let written = [
            ("name", "Invoices"),
            ("active", "true"),
            ("authentication_type", "NONE"),
            ("signing_protocol", "HmacSHA256"),
        ];
        let mut fields = Browser::fill(&page, NEW, &written);
        fields.extend(
            secrets
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        );
        browser.send(NEW, &fields).await
    };
    let weak = format!("whsec_{}", "A".repeat(43) + "=");
    for (secrets, wrong) in [
        (
            &[("imported_secret_key", "hunter2hunter2")][..],
            "imported_secret_key",
        ),
        (&[("imported_secret_key", &weak)], "imported_secret_key"),
        (
            &[("imported_previous_secret_key", BROUGHT)],
            "imported_secret_key",
        ),
        (
            &[
                ("imported_secret_key", BROUGHT),
                ("imported_previous_secret_key", BROUGHT),
            ],
            "imported_previous_secret_key",
        ),
    ] {
        let refused = send(secrets).await;
        refused
            .is(400)
            .shows(&format!("id=\"{wrong}-wrong\""))
            .shows("<details open>")
            .hides("hunter2")
            .hides(&weak)
            .hides(BROUGHT)
            .hides(&BROUGHT.replace('=', "&#61;"));
        guarded(&refused.text);
    }
    // One that is wrong is not missing, whatever stands beside it.
    let beside = [
        ("imported_secret_key", "hunter2hunter2"),
        ("imported_previous_secret_key", BROUGHT),
    ];
    send(&beside)
        .await
        .is(400)
        .shows("id=\"imported_secret_key-wrong\">must be `whsec_`")
        .hides("is required beside");
    browser.get(LIST).await.shows("There is no webhook yet.");
    let created = send(&[("imported_secret_key", BROUGHT)]).await;
    created.is(200).shows(BROUGHT);
    let id = created.text.split(&format!("href=\"{LIST}/")).nth(1).unwrap();
    let id = id.split('"').next().unwrap().parse().unwrap();
    let stored = scene.stored("acme", id).await.unwrap();
    assert_eq!(stored.key_ring.current().unwrap().expose_shared(), Some(BROUGHT));
    let query = AuditQuery::of_resource(id, 1);
    let record = scene
        .console
        .audit
        .list(&Scene::operator("acme"), query)
        .await
        .unwrap();
    assert_eq!(record[0].details.imported_keys.len(), 1);
}

#[actix_web::test]
async fn who_may_not_see_secrets_brings_none() {
    let scene = Scene::new();
    let may = [Permission::WebhookView, Permission::WebhookCreate];
    let browser = scene.signed_in_for(&may).await;
    let page = browser.get_through(NEW).await;
    page.is(200).hides("imported_secret_key");
    let written = [
        ("authentication_type", "NONE"),
        ("signing_protocol", "HmacSHA256"),
        ("imported_secret_key", BROUGHT),
    ];
    let answer = browser.send(NEW, &Browser::fill(&page, NEW, &written)).await;
    answer.is(403).shows("WEBHOOK.REVEAL").hides(BROUGHT);
}

#[actix_web::test]
async fn credentials_of_before_are_tried_for_a_time_if_somebody_says_so() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let here = format!("{LIST}/{}", webhook.id);
    let edit = format!("{here}/edit");
    let save = async |more: &[(&str, &str)]| {
        let page = browser.get_through(&edit).await;
        let written = [
            ("name", "Invoices"),
            ("url", "https://example.com/hook"),
            ("active", "true"),
            ("authentication_type", "PASSWORD"),
            ("username", "billing"),
        ];
        let mut fields = Browser::fill(&page, &edit, &written);
        fields.extend(
            more.iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        );
        browser.send(&edit, &fields).await
    };
    save(&[("password", "the.first")]).await.location();
    let stored = async || scene.stored("acme", webhook.id).await.unwrap();
    assert_eq!(stored().await.previous_credentials, None);
    let for_an_hour = ("previous_credentials_expires_in", "3600");
    // Nothing changes that they could be the ones before of.
    let refused = save(&[for_an_hour]).await;
    refused
        .is(400)
        .shows("id=\"previous_credentials_expires_in-wrong\"")
        .shows("<option value=\"3600\" selected>");
    for wrong in ["-1", "604801", "soon"] {
        let refused = save(&[
            ("password", "the.second"),
            ("previous_credentials_expires_in", wrong),
        ])
        .await;
        refused
            .is(400)
            .shows("id=\"previous_credentials_expires_in-wrong\"")
            .hides("the.second");
    }
    save(&[("password", "the.second"), for_an_hour]).await.location();
    let until = scene.console.clock.now().plus(Duration::from_secs(3_600));
    let previous = stored().await.previous_credentials.unwrap();
    assert_eq!(previous.expires_at, until.whole_seconds());
    browser
        .get(&here)
        .await
        .shows("<dt>Credentials before</dt>")
        .shows("tried until 2024-04-12T16:22:37Z");
    save(&[("password", "the.third")]).await.location();
    assert_eq!(stored().await.previous_credentials, None);
    browser.get(&here).await.hides("<dt>Credentials before</dt>");
}
