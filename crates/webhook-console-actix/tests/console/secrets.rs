//! Rolling a secret, and what is done to one key.

use std::time::Duration;

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::permission::Permission;
use webhook_domain::webhook::Webhook;

use crate::browser::{Answer, Browser};
use crate::headers::guarded;
use crate::scene::Scene;

fn path(webhook: &Webhook) -> String {
    format!("/console/p/acme/webhooks/{}", webhook.id)
}

/// The secrets that a page shows.
fn secrets(page: &Answer) -> Vec<&str> {
    let found = page.text.split("whsec_").skip(1);
    found.map(|rest| rest.split('<').next().unwrap()).collect()
}

/// Rolls a webhook as somebody does who changes nothing on the page.
async fn roll(browser: &Browser<'_>, webhook: &Webhook) -> Answer {
    let action = format!("{}/roll", path(webhook));
    let page = browser.get_through(&action).await;
    browser.send(&action, &Browser::fill(&page, &action, &[])).await
}

#[actix_web::test]
async fn a_roll_says_before_what_will_sign_until_when() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let before = webhook.key_ring.current().unwrap().fingerprint();
    let key = format!("form=console-{}", "0".repeat(26));
    let preview = async |query: &str| {
        browser
            .get(&format!("{}/roll?{key}&{query}", path(&webhook)))
            .await
    };
    let page = preview("").await;
    page.is(200).shows(before.as_str()).shows("now the current one");
    page.shows("<time datetime=\"2024-04-13T15:22:37Z\">")
        .hides("signs nothing more")
        .hides("whsec_");
    preview("overlap=3600")
        .await
        .shows("<time datetime=\"2024-04-12T16:22:37Z\">");
    preview("overlap=3600&keep=true")
        .await
        .shows("or longer, until the new one is adopted");
    preview("overlap=0")
        .await
        .shows("signs nothing more, from the roll on");
    preview("protocol=Ed25519").await.shows("a new one (Ed25519)");
    let impossible = preview("overlap=0&keep=true").await;
    impossible
        .is(200)
        .shows("So it cannot be rolled.")
        .hides("Roll the secret</button>");
    preview("overlap=-1").await.is(400);
    // Looking changes nothing.
    assert_eq!(
        scene.stored("acme", webhook.id).await.unwrap().version,
        webhook.version
    );
}

#[actix_web::test]
async fn a_double_click_and_a_refresh_roll_once_and_show_the_same_secret() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{}/roll", path(&webhook));
    let sent_to = browser.get(&action).await;
    let sent_to = sent_to.location();
    let page = browser.get(sent_to).await;
    let fields = Browser::fill(&page, &action, &[]);
    let rolled = browser.send(&action, &fields).await;
    rolled.is(200).shows("was rolled");
    guarded(&rolled.text);
    assert_eq!(rolled.header("cache-control"), "no-store");
    let [secret] = secrets(&rolled)[..] else {
        panic!("one secret in {}", rolled.text)
    };
    let stored = scene.stored("acme", webhook.id).await.unwrap();
    let current = stored.key_ring.current().unwrap();
    assert_eq!(current.expose_shared(), Some(format!("whsec_{secret}").as_str()));
    for _ in 0..2 {
        assert_eq!(secrets(&browser.send(&action, &fields).await), [secret]);
    }
    // Somebody who goes back finds the form that was sent, though its page is made anew.
    let back = browser.get(sent_to).await;
    let again: Vec<_> = Browser::fill(&back, &action, &[])
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "version" => (name, "1".to_owned()),
            _ => (name, value),
        })
        .collect();
    assert_eq!(again, fields);
    assert_eq!(
        scene.stored("acme", webhook.id).await.unwrap().version,
        stored.version
    );
    // Each time that it was shown once more is on record.
    let audited = scene.audited("acme", webhook.id).await;
    let expected = [
        AuditAction::SecretRevealed,
        AuditAction::SecretRevealed,
        AuditAction::SecretRolled,
        AuditAction::WebhookCreated,
    ];
    assert_eq!(audited, expected);
}

#[actix_web::test]
async fn a_form_that_was_sent_is_not_sent_with_other_values() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{}/roll", path(&webhook));
    let page = browser.get_through(&action).await;
    let mut fields = Browser::fill(&page, &action, &[]);
    browser.send(&action, &fields).await.is(200);
    for (name, value) in &mut fields {
        if name == "overlap" {
            *value = "0".to_owned();
        }
    }
    browser
        .send(&action, &fields)
        .await
        .is(409)
        .shows("This form was sent before")
        .hides("whsec_");
    let stored = scene.stored("acme", webhook.id).await.unwrap();
    assert_eq!(stored.version.0, 2);
}

#[actix_web::test]
async fn a_roll_is_of_the_webhook_that_was_seen() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{}/roll", path(&webhook));
    let page = browser.get_through(&action).await;
    roll(&browser, &webhook).await.is(200);
    let late = browser.send(&action, &Browser::fill(&page, &action, &[])).await;
    late.is(409).shows("Somebody changed the webhook");
}

#[actix_web::test]
async fn both_keys_stand_on_the_timeline_and_in_words() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    scene.clock.advance(Duration::from_secs(86_400));
    let browser = scene.signed_in().await;
    roll(&browser, &webhook).await.is(200);
    scene.clock.advance(Duration::from_secs(600));
    let page = browser.get(&path(&webhook)).await;
    let ring = scene.stored("acme", webhook.id).await.unwrap().key_ring;
    for key in ring.valid_at(webhook_domain::time::Instant::from_milliseconds(0)) {
        page.shows(&format!("<code>{}</code>", key.fingerprint()));
    }
    assert_eq!(page.text.matches("<rect class=\"bar ").count(), 2);
    page.shows("<svg class=\"timeline\"")
        .shows("aria-labelledby=\"timeline-title timeline-text\"");
    page.shows("<time datetime=\"2024-04-12T15:22:37Z\">")
        .shows("<time datetime=\"2024-04-14T15:22:37Z\">");
    page.shows("2024-04-14 15:22:37 UTC, in 23 hours</time>");
    page.shows("not adopted yet")
        .shows("1 retired key signs")
        .hides("whsec_");
    guarded(&page.text);
    // Who may not see audit records sees the keys all the same.
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    let page = viewer.get(&path(&webhook)).await;
    page.is(200)
        .shows("<svg class=\"timeline\"")
        .hides("attempts that are kept")
        .hides("method=\"post\" action=\"/console/p/");
}

#[actix_web::test]
async fn a_retired_key_signs_until_it_is_told_to() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let retired = webhook.key_ring.current().unwrap().fingerprint();
    roll(&browser, &webhook).await.is(200);
    let action = format!("{}/retired/{retired}", path(&webhook));
    for (seconds, until) in [
        ("604800", "2024-04-19T15:22:37Z"),
        ("3600", "2024-04-12T16:22:37Z"),
    ] {
        let page = browser.get_through(&action).await;
        let fields = Browser::fill(&page, &action, &[("seconds", seconds)]);
        for _ in 0..2 {
            let set = browser.send(&action, &fields).await;
            assert_eq!(set.location(), format!("{}?done=retired-key-set", path(&webhook)));
        }
        browser
            .get(set_place(&webhook).as_str())
            .await
            .shows(until)
            .shows("role=\"status\"");
    }
    let page = browser.get_through(&action).await;
    browser
        .send(&action, &Browser::fill(&page, &action, &[("seconds", "0")]))
        .await
        .is(303);
    browser.get(&path(&webhook)).await.hides(&action).shows(&format!(
        "ended {}",
        retired.as_str().trim_start_matches("sha256:")
    ));
    browser
        .get(&format!("{action}?form=console-{}", "0".repeat(26)))
        .await
        .is(404);
}

fn set_place(webhook: &Webhook) -> String {
    format!("{}?done=retired-key-set", path(webhook))
}

#[actix_web::test]
async fn a_roll_is_undone() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let before = webhook.key_ring.current().unwrap().fingerprint();
    browser.get(&path(&webhook)).await.hides("Undo the last roll");
    roll(&browser, &webhook).await.is(200);
    browser.get(&path(&webhook)).await.shows("Undo the last roll");
    let action = format!("{}/restore", path(&webhook));
    let page = browser.get_through(&action).await;
    let fields = Browser::fill(&page, &action, &[("overlap", "")]);
    browser.send(&action, &fields).await.is(303);
    let ring = scene.stored("acme", webhook.id).await.unwrap().key_ring;
    assert_eq!(ring.current().unwrap().fingerprint(), before);
    let page = browser.get_through(&action).await;
    let fields = Browser::fill(&page, &action, &[("overlap", "")]);
    browser
        .send(&action, &fields)
        .await
        .is(409)
        .shows("There is no roll to undo");
}

#[actix_web::test]
async fn the_current_key_is_removed() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{}/remove-secret", path(&webhook));
    let page = browser.get_through(&action).await;
    browser
        .send(&action, &Browser::fill(&page, &action, &[("overlap", "0")]))
        .await
        .is(303);
    assert!(
        scene
            .stored("acme", webhook.id)
            .await
            .unwrap()
            .key_ring
            .current()
            .is_none()
    );
    browser.get(&path(&webhook)).await.is(200).shows("No key signs");
    roll(&browser, &webhook).await.is(200).shows("whsec_");
}

#[actix_web::test]
async fn a_check_says_what_it_found_and_is_made_once() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{}/check", path(&webhook));
    let fields = Browser::fill(&browser.get(&path(&webhook)).await, &action, &[]);
    for _ in 0..2 {
        browser
            .send(&action, &fields)
            .await
            .is(200)
            .shows("DOES_NOT_VERIFY");
    }
    // A control is enough to find that it takes everything.
    let sent = scene.receiver.count();
    assert!(sent > 0);
    browser.send(&action, &fields).await.is(200);
    assert_eq!(scene.receiver.count(), sent);
    // The mark of it is on the timeline.
    browser.get(&path(&webhook)).await.shows("class=\"mark checked\"");
}

#[actix_web::test]
async fn secrets_are_read_back_by_who_may_and_each_time_is_on_record() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{}/reveal", path(&webhook));
    let viewer = scene
        .signed_in_for(&[Permission::WebhookView, Permission::WebhookUpdate])
        .await;
    viewer.get(&path(&webhook)).await.hides("/reveal");
    viewer.post(&action, &[]).await.is(403).hides("whsec_");
    let browser = scene.signed_in().await;
    for _ in 0..2 {
        let page = browser.post(&action, &[]).await;
        page.is(200);
        assert_eq!(secrets(&page).len(), 1);
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let audited = scene.audited("acme", webhook.id).await;
    assert_eq!(
        audited
            .iter()
            .filter(|action| **action == AuditAction::SecretRevealed)
            .count(),
        2
    );
    // Never by an address alone.
    browser.get(&action).await.is(405);
}
