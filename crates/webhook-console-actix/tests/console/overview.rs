//! What an operator looks at first.

use std::time::Duration;

use webhook_domain::access::permission::Permission;
use webhook_domain::services::RollSecret;
use webhook_domain::signing::key_ring::Overlap;

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
    browser.get(OVERVIEW).await.hides("its previous key stops at");
    for (platform, id) in [("acme", webhook.id), ("other", theirs.id)] {
        let roll = RollSecret {
            overlap: Some(Overlap::DAY),
            ..RollSecret::default()
        };
        let acting = Scene::operator(platform);
        scene.console.secret_keys.roll(&acting, id, roll).await.unwrap();
    }
    let page = browser.get(OVERVIEW).await;
    page.shows("<bdi>Invoices</bdi></a>: its previous key stops at <time datetime=\"2024-04-13T15:22:37Z\">");
    page.hides("Theirs")
        .shows("WEBHOOK.SECRET_ROLLED")
        .hides("of the 200");
    scene.clock.advance(Duration::from_secs(86_400));
    let browser = scene.signed_in().await;
    browser.get(OVERVIEW).await.hides("its previous key stops at");
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
        .hides("href=\"/console/p/acme/webhooks");
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    viewer
        .get(OVERVIEW)
        .await
        .shows("Every queue moves.")
        .hides("WEBHOOK.CREATED");
}
