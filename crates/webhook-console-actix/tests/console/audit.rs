//! Audit records: the list, and one whole.

use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::AuditQuery;

use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/audit";

async fn records(scene: &Scene, platform: &str) -> Vec<AuditRecord> {
    let acting = Scene::operator(platform);
    let records = scene.console.audit.list(&acting, AuditQuery::newest(100)).await;
    records.unwrap()
}

#[actix_web::test]
async fn records_are_listed_newest_first_and_by_condition() {
    let scene = Scene::new();
    let browser = scene
        .signed_in_to(
            "acme",
            [Permission::AuditRecordView, Permission::WebhookView]
                .into_iter()
                .collect(),
        )
        .await;
    browser
        .get(LIST)
        .await
        .is(200)
        .shows("Nothing was done on this platform yet");
    let mut webhooks = Vec::new();
    for number in 0..60 {
        webhooks.push(
            scene
                .webhook("acme", &format!("webhook {number}"))
                .await
                .id
                .to_string(),
        );
    }
    let first = browser.get(LIST).await;
    first
        .shows(&webhooks[59])
        .shows(&webhooks[10])
        .hides(&webhooks[9]);
    for page in [LIST, "/console/p/acme/"] {
        let named = format!(
            "<a href=\"/console/p/acme/webhooks/{0}\"><bdi>webhook 59</bdi></a><br><code class=\"quiet\">{0}</code>",
            webhooks[59]
        );
        browser.get(page).await.shows(&named);
    }
    let (before, _) = first.text.split_once("\" rel=\"next\"").unwrap();
    let next = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    let second = browser.get(&next).await;
    second
        .shows(&webhooks[9])
        .shows(&webhooks[0])
        .hides(&webhooks[10])
        .hides("rel=\"next\"");
    browser
        .get(&format!(
            "{LIST}?resource_id={}&action=WEBHOOK.CREATED",
            webhooks[3]
        ))
        .await
        .shows(&webhooks[3])
        .hides(&webhooks[4]);
    browser
        .get(&format!("{LIST}?action=API_KEY.REVOKED"))
        .await
        .shows("No record meets");
    browser
        .get(&format!("{LIST}?resource_id=%3Cb%3E"))
        .await
        .is(200)
        .shows("id=\"resource_id-wrong\"")
        .shows("value=\"&#60;b&#62;\"");
    first.shows("href=\"/console/p/acme/audit/verify\"");
}

#[actix_web::test]
async fn a_record_is_shown_whole() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let records = records(&scene, "acme").await;
    let record = records
        .iter()
        .find(|record| record.action == AuditAction::WebhookCreated)
        .unwrap();
    let page = browser.get(&format!("{LIST}/{}", record.id)).await;
    page.is(200)
        .shows("WEBHOOK.CREATED")
        .shows(&webhook.id.to_string())
        .shows("<bdi>Invoices</bdi>")
        .shows("command-line")
        .shows(record.request.as_str())
        .shows(webhook.key_ring.current().unwrap().fingerprint().as_str())
        .hides("whsec_");
    guarded(&page.text);
    // One beside it is another one, or none.
    let unknown = format!("{LIST}/aud_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    browser.get(&unknown).await.is(404);
    browser.get(&format!("{LIST}/nothing")).await.is(404);
}

#[actix_web::test]
async fn records_need_their_permission_and_lead_where_one_may_look() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let other = scene.signed_in_for(&[Permission::WebhookView]).await;
    other.get(LIST).await.is(403).shows("AUDIT_RECORD.VIEW");
    other.get("/console/p/acme/").await.hides(LIST);
    let auditor = scene.signed_in_for(&[Permission::AuditRecordView]).await;
    auditor
        .get(LIST)
        .await
        .shows(&webhook.id.to_string())
        .hides(&format!("/webhooks/{}", webhook.id));
}
