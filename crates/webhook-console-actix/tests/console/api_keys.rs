//! API keys: the list, making one, revoking one.

use webhook_domain::access::permission::{Permission, PermissionSet};

use crate::browser::{Answer, Browser};
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/api-keys";
const NEW: &str = "/console/p/acme/api-keys/new";

/// The key that a page shows.
fn shown(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("id=\"secret\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[actix_web::test]
async fn a_key_is_made_once_and_shown_to_its_form_alone() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let page = browser.get_through(NEW).await;
    guarded(&page.text);
    let more = [
        ("name", "<b>billing</b>"),
        ("expires_in", "28800"),
        ("permission", "WEBHOOK.VIEW"),
        ("permission", "AUDIT_RECORD.VIEW"),
    ];
    let fields = Browser::fill(&page, NEW, &more);
    let first = browser.send(NEW, &fields).await;
    first.is(200).shows("&#60;b&#62;billing").hides("<b>billing");
    assert_eq!(first.header("cache-control"), "no-store");
    guarded(&first.text);
    // That its text is shown once more is a record of its own.
    let audited = async || {
        let list = browser.get("/console/p/acme/audit?action=API_KEY.CREATED").await;
        list.text.matches("<th scope=\"row\">").count()
    };
    let before = audited().await;
    let again = browser.send(NEW, &fields).await;
    assert_eq!(shown(&again), shown(&first));
    assert_eq!(audited().await, before + 1);
    let list = browser.get(LIST).await;
    list.hides(&shown(&first)).shows("in force");
    assert_eq!(
        list.text.matches("<bdi>&#60;b&#62;billing").count(),
        1,
        "{}",
        list.text
    );
    // It is good for what was chosen, and nothing else, for as long as was chosen.
    let mut made = Browser::new(&scene);
    made.sign_in(&shown(&first)).await;
    made.get("/console/p/acme/webhooks").await.is(200);
    made.get("/console/p/acme/audit").await.is(200);
    made.get(LIST).await.is(403);
    made.get("/console/p/other/").await.is(404);
    scene.clock.advance_seconds(28_800);
    let text = shown(&first);
    let refused = Browser::new(&scene)
        .post("/console/sign-in", &[("api_key", &text)])
        .await;
    refused.shows("no valid API key");
}

#[actix_web::test]
async fn what_is_wrong_with_a_key_is_said_beside_its_field_and_none_is_made() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let page = browser.get_through(NEW).await;
    let before = browser.get(LIST).await.text;
    let without = Browser::fill(&page, NEW, &[("name", "billing"), ("expires_in", "28800")]);
    browser
        .send(NEW, &without)
        .await
        .is(400)
        .shows("id=\"permission-wrong\"")
        .shows("value=\"billing\"");
    let long = Browser::fill(
        &page,
        NEW,
        &[("expires_in", "315360001"), ("permission", "WEBHOOK.VIEW")],
    );
    browser
        .send(NEW, &long)
        .await
        .is(400)
        .shows("id=\"expires_in-wrong\"");
    assert_eq!(browser.get(LIST).await.text, before);
    // The form can be sent once it is right.
    let right = Browser::fill(
        &page,
        NEW,
        &[("expires_in", "never"), ("permission", "WEBHOOK.VIEW")],
    );
    browser.send(NEW, &right).await.is(200).shows("whkey_");
}

#[actix_web::test]
async fn a_key_gives_no_more_than_it_has() {
    let scene = Scene::new();
    let browser = scene
        .signed_in_for(&[Permission::ApiKeyCreate, Permission::WebhookView])
        .await;
    let page = browser.get_through(NEW).await;
    page.shows("value=\"WEBHOOK.VIEW\"")
        .hides("value=\"WEBHOOK.DELETE\"")
        .hides("name=\"scope\"");
    let more = [("expires_in", "never"), ("permission", "WEBHOOK.DELETE")];
    let fields = Browser::fill(&page, NEW, &more);
    browser.send(NEW, &fields).await.is(403).shows("WEBHOOK.DELETE");
    let for_all = [
        ("expires_in", "never"),
        ("permission", "WEBHOOK.VIEW"),
        ("scope", "*"),
    ];
    let fields = Browser::fill(&page, NEW, &for_all);
    browser.send(NEW, &fields).await.is(404).hides("whkey_");
    browser.get(LIST).await.is(403);
    let viewer = scene.signed_in_for(&[Permission::ApiKeyView]).await;
    viewer.get(LIST).await.is(200).hides(NEW).hides("/revoke\"");
    viewer.get(NEW).await.is(403);
}

#[actix_web::test]
async fn a_key_is_revoked_once_somebody_has_confirmed_it() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let (text, id) = scene.key("acme", PermissionSet::all()).await;
    let mut other = Browser::new(&scene);
    other.sign_in(&text).await;
    let action = format!("{LIST}/{id}/revoke");
    let page = browser.get_through(&action).await;
    page.shows("This cannot be undone")
        .hides("You are signed in with this key");
    other.get(LIST).await.is(200).shows("you are signed in with it");
    let fields = Browser::fill(&page, &action, &[]);
    for _ in 0..2 {
        let answer = browser.send(&action, &fields).await;
        assert_eq!(answer.location(), format!("{LIST}?done=key-revoked"));
    }
    // Its session ends with it.
    assert!(other.get(LIST).await.location().starts_with("/console/sign-in"));
    let key = format!("?form=console-{}", "0".repeat(26));
    browser.get(&format!("{action}{key}")).await.is(404);
    browser
        .get(&format!("{LIST}?done=key-revoked"))
        .await
        .shows("The API key was revoked.")
        .shows("<span class=\"state \">revoked</span>");
}
