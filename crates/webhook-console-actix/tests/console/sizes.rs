//! How large pages are.

use webhook_domain::services::RollSecret;

use crate::scene::Scene;

/// What a page may have, in bytes.
const MOST: usize = 60_000;

#[actix_web::test]
async fn a_page_of_fifty_webhooks_and_the_overview_are_small() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let acting = Scene::operator("acme");
    for number in 0..50 {
        // As long as names are that tell something, and longer than most.
        let name = format!("Invoices & credit notes of tenant {number:05}, warehouse <north>");
        let webhook = scene.webhook("acme", &name).await;
        let roll = scene
            .console
            .secret_keys
            .roll(&acting, webhook.id, RollSecret::default());
        roll.await.unwrap();
    }
    let list = browser.get("/console/p/acme/webhooks").await;
    assert_eq!(list.text.matches("<th scope=\"row\">").count(), 50);
    let all = browser.get("/console/p/acme/stopping").await;
    let overview = browser.get("/console/p/acme/").await;
    for page in [list, all, overview] {
        assert!(page.text.len() < MOST, "{} bytes", page.text.len());
    }
}
