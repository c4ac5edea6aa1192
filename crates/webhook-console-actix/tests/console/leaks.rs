//! Keys that were found.

use webhook_domain::access::permission::Permission;

use crate::browser::Browser;
use crate::dispatcher::Dispatcher;
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/leaks";

#[actix_web::test]
async fn a_key_is_looked_up_by_itself_or_its_fingerprint_and_is_in_no_address() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "<script>alert(1)</script>").await;
    let current = webhook.key_ring.current().unwrap();
    let (secret, key) = (current.expose_shared().unwrap().to_owned(), current.fingerprint());
    guarded(&browser.get(LIST).await.text);
    let digits = key.as_str().trim_start_matches("sha256:");
    for asked in [secret.as_str(), key.as_str(), digits, &format!(" {secret} ")] {
        let sent = browser.post(LIST, &[("key", asked)]).await;
        assert_eq!(sent.location(), format!("{LIST}/{}", key.as_str()));
    }
    // What is none is not repeated.
    let wrong = browser.post(LIST, &[("key", &secret[..30])]).await;
    wrong.is(400).shows("id=\"key-wrong\"").hides(&secret[6..30]);
}

#[actix_web::test]
async fn a_keys_history_says_what_it_signed_who_was_shown_it_and_what_to_do() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "<script>alert(1)</script>").await;
    let current = webhook.key_ring.current().unwrap();
    let here = format!("{LIST}/{}", current.fingerprint().as_str());
    browser.get(&here).await.shows("No attempt that is kept");
    let id = scene.publish(&webhook, "{}").await;
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let page = browser.get(&here).await;
    page.is(200)
        .shows("it signs: it is the current key")
        .shows("1 attempt at 1 event")
        .shows("<bdi>example.com</bdi>")
        .shows("It was shown 1 time;")
        .shows("command-line")
        .shows(&format!("href=\"/console/p/acme/webhooks/{}/roll\"", webhook.id))
        .shows("<bdi>&#60;script&#62;")
        .hides("<script>alert")
        .hides(current.expose_shared().unwrap());
    guarded(&page.text);
    browser
        .get(&format!("/console/p/acme/deliveries/{id}"))
        .await
        .shows(&format!("href=\"{here}\""));
}

#[actix_web::test]
async fn before_a_retired_key_is_ended_the_page_says_whether_its_receiver_uses_the_current_one() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let retired = webhook.key_ring.current().unwrap().fingerprint();
    let of_webhook = format!("/console/p/acme/webhooks/{}", webhook.id);
    let change = async |action: &str| {
        let page = browser.get_through(action).await;
        browser
            .send(action, &Browser::fill(&page, action, &[]))
            .await
            .is(200);
    };
    change(&format!("{of_webhook}/roll")).await;
    let here = format!("{LIST}/{}", retired.as_str());
    let set = format!("{of_webhook}/retired/{retired}");
    browser
        .get(&here)
        .await
        .shows("Nobody has shown that its receiver uses the current key.")
        .shows(&format!("href=\"{set}?end=now\""));
    let warning = "Nobody has shown that the receiver uses the current key.";
    browser
        .get_through(&format!("{set}?end=now"))
        .await
        .shows(warning)
        .shows("<option value=\"0\" selected>")
        .hides("<option value=\"86400\" selected>");
    for status in [401, 204, 204, 401, 401] {
        scene.receiver.answers(status, "");
    }
    let page = browser.get(&of_webhook).await;
    let check = format!("{of_webhook}/check");
    browser
        .send(&check, &Browser::fill(&page, &check, &[]))
        .await
        .is(200);
    browser
        .get(&here)
        .await
        .shows("End it: its receiver has verified with the current key since <time datetime=")
        .hides("Nobody has shown");
    browser
        .get_through(&set)
        .await
        .hides(warning)
        .shows("<option value=\"86400\" selected>");
}

#[actix_web::test]
async fn a_key_that_is_nobodys_or_anothers_is_unknown_and_looking_needs_both_permissions() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let theirs = scene.webhook("other", "Theirs").await;
    let key = theirs.key_ring.current().unwrap().fingerprint();
    let path = format!("{LIST}/{}", key.as_str());
    let anothers = browser.get(&path).await;
    anothers
        .is(404)
        .shows("No webhook of this platform has or had this key")
        .hides("Theirs");
    let nobodys = browser.get(&format!("{LIST}/sha256:0123456789abcdef")).await;
    assert_eq!(anothers.text, nobodys.is(404).text);
    browser.get(&format!("{LIST}/whsec_nothing")).await.is(404);
    for permission in [Permission::WebhookView, Permission::AuditRecordView] {
        let half: Browser<'_> = scene.signed_in_for(&[permission]).await;
        half.get(LIST).await.is(403);
        half.get(&path).await.is(403);
        half.post(LIST, &[("key", key.as_str())]).await.is(403);
    }
}
