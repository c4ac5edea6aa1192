//! The actions that webhooks can subscribe to.

use webhook_domain::access::permission::Permission;
use webhook_domain::webhook::{Action, ActionCatalogue};

use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/actions";

#[actix_web::test]
async fn a_list_has_all_actions_page_by_page_with_what_they_mean() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let mut rest = LIST.to_owned();
    let mut shown = Vec::new();
    loop {
        let page = browser.get(&rest).await;
        page.is(200);
        guarded(&page.text);
        let rows = page.text.split("<th scope=\"row\" id=\"action-").skip(1);
        let names = rows.map(|row| row.split_once("<code>").unwrap().1);
        shown.extend(names.map(|name| name.split('<').next().unwrap().to_owned()));
        let Some((before, _)) = page.text.split_once("\" rel=\"next\"") else {
            break;
        };
        rest = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    }
    let known: Vec<_> = ActionCatalogue::default().iter().map(Action::to_string).collect();
    assert!(known.len() > 50);
    assert_eq!(shown, known);
    browser
        .get(LIST)
        .await
        .shows("Credit note: finalised.")
        .shows("href=\"/console/p/acme/deliveries?type=CREDIT_NOTE.FINALISED\"");
}

#[actix_web::test]
async fn a_list_has_what_meets_the_conditions() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let of_object = browser.get(&format!("{LIST}?object_type=INVOICE")).await;
    of_object
        .shows("8 actions that meet the conditions")
        .shows("<code>INVOICE.PAID")
        .hides("<code>QUOTE.");
    let of_both = browser
        .get(&format!("{LIST}?object_type=INVOICE&word=written%20off"))
        .await;
    of_both
        .shows("1 action that meets the conditions")
        .shows("<code>INVOICE.WRITTEN_OFF")
        .hides("<code>INVOICE.PAID");
    let none = browser.get(&format!("{LIST}?word=%3Cscript%3E")).await;
    none.is(200)
        .shows("No action meets these conditions.")
        .shows("value=\"&#60;script&#62;\"");
    guarded(&none.text);
}

#[actix_web::test]
async fn permissions_decide_who_sees_the_actions() {
    let scene = Scene::new();
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    let page = viewer.get(LIST).await;
    page.is(200).shows("INVOICE.PAID").hides("deliveries?type");
    let other = scene.signed_in_for(&[Permission::AuditRecordView]).await;
    other.get(LIST).await.is(403).shows("WEBHOOK.VIEW");
    other.get("/console/p/acme/").await.hides(LIST);
}
