//! What an operator looks at first.

use std::time::Duration;

use webhook_domain::access::permission::Permission;
use webhook_domain::services::{RollSecret, SetExpiry};
use webhook_domain::signing::key_ring::{ExpiresIn, Overlap};
use webhook_domain::webhook::Precondition;

use crate::dispatcher::Dispatcher;
use crate::scene::Scene;

const OVERVIEW: &str = "/console/p/acme/";

#[actix_web::test]
async fn a_receiver_that_has_not_adopted_its_new_key_is_named() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser
        .get(OVERVIEW)
        .await
        .shows("There is no webhook yet.")
        .shows("Every queue moves.");
    let webhook = scene.webhook("acme", "Invoices").await;
    let theirs = scene.webhook("other", "Theirs").await;
    browser.get(OVERVIEW).await.hides("its retired key stops at");
    for (platform, id) in [("acme", webhook.id), ("other", theirs.id)] {
        let roll = RollSecret {
            overlap: Some(Overlap::DAY),
            ..RollSecret::default()
        };
        let acting = Scene::operator(platform);
        scene.console.secret_keys.roll(&acting, id, roll).await.unwrap();
    }
    let page = browser.get(OVERVIEW).await;
    page.shows("<bdi>Invoices</bdi></a>: its retired key stops at <time datetime=\"2024-04-13T15:22:37Z\">");
    page.hides("Theirs").shows("WEBHOOK.SECRET_ROLLED");
    scene.clock.advance(Duration::from_secs(86_400));
    let browser = scene.signed_in().await;
    browser.get(OVERVIEW).await.hides("its retired key stops at");
}

#[actix_web::test]
async fn all_that_have_not_adopted_their_new_key_are_on_a_page_however_long_the_one_before_signs() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let all = "/console/p/acme/not-adopted";
    browser
        .get(all)
        .await
        .shows("Every receiver is known to use its new key");
    let webhook = scene.webhook("acme", "Invoices").await;
    let fingerprint = webhook.key_ring.current().unwrap().fingerprint();
    let (acting, keys) = (Scene::operator("acme"), &scene.console.secret_keys);
    keys.roll(&acting, webhook.id, RollSecret::default())
        .await
        .unwrap();
    let longer = SetExpiry {
        fingerprint,
        expires_in: ExpiresIn::from_seconds(20 * 86_400).unwrap(),
        precondition: Precondition::default(),
        idempotent: None,
    };
    keys.set_expiry(&acting, webhook.id, longer).await.unwrap();
    let stops = "<bdi>Invoices</bdi></a>: its retired key stops at <time datetime=\"2024-05-02T15:22:37Z\">";
    browser.get(all).await.shows(stops);
    browser
        .get(OVERVIEW)
        .await
        .shows(&format!("href=\"{all}\""))
        .hides(stops);
    let nobody = scene.signed_in_for(&[Permission::AuditRecordView]).await;
    nobody.get(all).await.is(403);
}

#[actix_web::test]
async fn it_has_what_the_caller_may_see() {
    let scene = Scene::new();
    scene.webhook("acme", "Invoices").await;
    let auditor = scene.signed_in_for(&[Permission::AuditRecordView]).await;
    let page = auditor.get(OVERVIEW).await;
    page.is(200)
        .shows("WEBHOOK.CREATED")
        .hides("Every queue moves.")
        .hides("Deliveries that wait")
        .hides("href=\"/console/p/acme/webhooks");
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    viewer
        .get(OVERVIEW)
        .await
        .shows("Every queue moves.")
        .hides("Deliveries that wait")
        .hides("WEBHOOK.CREATED");
}

#[actix_web::test]
async fn it_says_what_waits_and_for_how_long() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser.get(OVERVIEW).await.shows("none is due");
    let (webhook, other) = (
        scene.webhook("acme", "Invoices").await,
        scene.webhook("acme", "Archive").await,
    );
    let theirs = scene.webhook("other", "Theirs").await;
    scene.publish(&webhook, "{}").await;
    scene.publish(&theirs, "{}").await;
    scene.clock.advance(Duration::from_secs(180));
    let page = browser.get(OVERVIEW).await;
    page.shows(">2</a>")
        .shows("3 minutes")
        .shows("<a href=\"#held-up\">0</a>");
    scene.receiver.answers(503, "");
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let page = browser.get(OVERVIEW).await;
    page.shows("<a href=\"#held-up\">1</a>")
        .hides("that are held up</a>")
        .shows("3 minutes");
    Dispatcher::of(&scene).await.deliver(&other).await;
    browser.get(OVERVIEW).await.shows(">1</a>").shows("none is due");
}

#[actix_web::test]
async fn it_leads_to_all_that_need_somebody() {
    let scene = Scene::new();
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    let page = "/console/p/acme/stopping";
    viewer.get(page).await.shows("No key stops within 7 days");
    for number in 0..51 {
        let webhook = scene.webhook("acme", &format!("Number {number}")).await;
        let acting = Scene::operator("acme");
        let roll = RollSecret::default();
        scene
            .console
            .secret_keys
            .roll(&acting, webhook.id, roll)
            .await
            .unwrap();
    }
    viewer.get(OVERVIEW).await.shows("All 51 that stop");
    let first = viewer.get(page).await;
    first.shows("51 in all.").hides("First page");
    let shown = |text: &str| text.matches("its retired key stops at").count();
    assert_eq!(shown(&first.text), 50);
    let (_, next) = first
        .text
        .split_once("<a href=\"/console/p/acme/stopping?")
        .unwrap();
    let (next, _) = next.split_once('"').unwrap();
    let second = viewer.get(&format!("{page}?{next}")).await;
    second.shows("First page").hides("Next page");
    assert_eq!(shown(&second.text), 1);
    viewer
        .get("/console/p/acme/roll-due")
        .await
        .shows("No key is due for a roll.");
    let nobody = scene.signed_in_for(&[Permission::AuditRecordView]).await;
    for path in [page, "/console/p/acme/roll-due"] {
        nobody.get(path).await.is(403);
    }
}
