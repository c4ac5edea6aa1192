//! The penalty box: what is held up, why, and sending at once.

use std::time::Duration;

use webhook_domain::access::permission::Permission;
use webhook_domain::services::UpdateWebhook;
use webhook_domain::webhook::{AuthenticationType, Precondition, SettingsUpdate};

use crate::browser::Browser;
use crate::dispatcher::Dispatcher;
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/penalty-box";

#[actix_web::test]
async fn a_queue_that_is_held_up_stands_in_the_list_and_says_why() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser.get(LIST).await.is(200).shows("No queue is held up.");
    let webhook = scene.webhook("acme", "<b>Invoices</b>").await;
    scene.webhook("acme", "Moves").await;
    let first = scene.publish(&webhook, "{}").await;
    scene.receiver.answers(503, "");
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let here = format!("/console/p/acme/webhooks/{}", webhook.id);
    let list = browser.get(LIST).await;
    list.is(200)
        .shows("1 webhook whose queue is held up")
        .shows("&#60;b&#62;Invoices&#60;/b&#62;")
        .shows("answered 503")
        .shows(&format!("href=\"{here}/penalty-box\""))
        .hides("Moves");
    guarded(&list.text);
    let page = browser.get(&format!("{here}/penalty-box")).await;
    page.is(200)
        .shows("answered 503")
        .shows(&format!("href=\"/console/p/acme/deliveries/{first}\""))
        .shows(&format!("href=\"/console/p/acme/deliveries/{first}/give-up\""))
        .shows("<dt>Next attempt</dt><dd><time")
        .shows("<dt>It was sent again</dt><dd>not yet</dd>");
    guarded(&page.text);
    browser
        .get(&here)
        .await
        .shows(&format!("href=\"{here}/penalty-box\""));
    let other_name = browser.get(&format!("{LIST}?name=Moves")).await;
    other_name
        .shows("No queue that meets these conditions")
        .hides("Invoices");
    browser
        .get(&format!("{LIST}?url_host=a%20b"))
        .await
        .is(200)
        .shows("id=\"url_host-wrong\"");
}

/// Wherever it is said that a queue is held up, it is said when the next attempt is, how many wait, and where the receiver is.
#[actix_web::test]
async fn what_is_held_up_says_what_is_to_come() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let url = "https://example.com:8443/hook";
    let webhook = scene.webhook_at("acme", "Invoices", url).await;
    let first = scene.publish(&webhook, "{}").await;
    scene.receiver.answers(503, "");
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let here = format!("/console/p/acme/webhooks/{}", webhook.id);
    let (overview, boxed) = ("/console/p/acme/", format!("{here}/penalty-box"));
    for page in [overview, &here] {
        let page = browser.get(page).await;
        page.shows("Next attempt: <time").shows(" 1 delivery waits.");
    }
    browser
        .get(LIST)
        .await
        .shows("<td>1</td>")
        .shows("<span class=\"quiet\">example.com:8443</span>");
    browser
        .get(&boxed)
        .await
        .shows("<dd>1, the first one among them</dd>")
        .shows("<dt>It failed first</dt><dd><time datetime=\"2024-04-12T15:22:37Z\">2024-04-12 15:22:37 UTC, now</time></dd>");
    browser
        .get(&format!("/console/p/acme/deliveries/{first}"))
        .await
        .shows("<bdi>example.com:8443</bdi>")
        .shows("Next attempt: <time");
    for _ in 0..1_000 {
        scene.publish(&webhook, "{}").await;
    }
    browser
        .get(&here)
        .await
        .shows(" more than 1,000 deliveries wait.");
    browser.get(LIST).await.shows("<td>more than 1,000</td>");
    // Who may not see deliveries is not told how many there are.
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    for page in [overview, &here, LIST, &boxed] {
        let page = viewer.get(page).await;
        page.shows("answered 503")
            .hides("1,000")
            .hides("that wait")
            .hides("Waiting");
    }
    let acting = Scene::operator("acme");
    let update = SettingsUpdate::new(false, false, AuthenticationType::None);
    let update = UpdateWebhook {
        update,
        precondition: Precondition::default(),
        idempotent: None,
    };
    scene
        .console
        .webhooks
        .update(&acting, webhook.id, update)
        .await
        .unwrap();
    for page in [overview, &here, LIST, &boxed] {
        let page = browser.get(page).await;
        page.shows("none while the webhook is inactive");
    }
}

#[actix_web::test]
async fn a_list_of_many_is_read_page_by_page() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let dispatcher = Dispatcher::of(&scene).await;
    for number in 0..51 {
        let webhook = scene.webhook("acme", &format!("webhook {number:02}")).await;
        scene.publish(&webhook, "{}").await;
        scene.receiver.answers(500, "");
        dispatcher.deliver(&webhook).await;
        scene.clock.advance(Duration::from_millis(1));
    }
    let first = browser.get(LIST).await;
    assert_eq!(first.text.matches("<th scope=\"row\">").count(), 50);
    first.hides("webhook 00").shows("51 webhooks");
    let (before, _) = first.text.split_once("\" rel=\"next\"").unwrap();
    let next = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    let rest = browser.get(&next).await;
    assert_eq!(rest.text.matches("<th scope=\"row\">").count(), 1);
    rest.shows("webhook 00").hides("rel=\"next\"");
}

#[actix_web::test]
async fn what_is_first_in_the_queue_is_sent_now_once_for_each_form() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    scene.publish(&webhook, "{}").await;
    let dispatcher = Dispatcher::of(&scene).await;
    scene.receiver.answers(503, "");
    dispatcher.deliver(&webhook).await;
    scene.clock.advance_seconds(5);
    let action = format!("/console/p/acme/webhooks/{}/penalty-box", webhook.id);
    let page = browser.get(LIST).await;
    let fields = Browser::fill(&page, &action, &[]);
    let send = async || browser.send(&action, &fields).await;
    let deliver = async || {
        // After the form has said that its time has come.
        actix_web::rt::time::sleep(Duration::from_millis(200)).await;
        dispatcher.deliver(&webhook).await;
    };
    scene.receiver.answers(404, "");
    let (refused, ()) = tokio::join!(send(), deliver());
    refused
        .is(200)
        .shows("was not taken")
        .shows("answered 404")
        .shows("What holds it up");
    assert_eq!(scene.receiver.count(), 2);
    // The same form says what came of it, and sends nothing.
    send().await.is(200).shows("answered 404");
    dispatcher.deliver(&webhook).await;
    assert_eq!(scene.receiver.count(), 2);
    let held_up = scene.stored("acme", webhook.id).await.unwrap().held_up.unwrap();
    assert_eq!(
        held_up.penalty_box().retry_count(),
        0,
        "it is no retry that counts"
    );

    let page = browser.get(&action).await;
    let fields = Browser::fill(&page, &action, &[]);
    let (taken, ()) = tokio::join!(browser.send(&action, &fields), deliver());
    taken
        .is(200)
        .shows("was taken")
        .shows("The queue goes on.")
        .hides("What holds it up");
    let empty = browser.get(&action).await;
    empty
        .is(200)
        .shows("Its queue is not held up.")
        .hides(&format!("action=\"{action}\""));
    // A form from before comes too late.
    let late = [("form", "console-late")];
    browser.post(&action, &late).await.is(409);
}

#[actix_web::test]
async fn permissions_decide_what_can_be_done_about_it() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let id = scene.publish(&webhook, "{}").await;
    scene.receiver.answers(503, "");
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let here = format!("/console/p/acme/webhooks/{}/penalty-box", webhook.id);
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    for path in [LIST, &here] {
        let page = viewer.get(path).await;
        page.is(200)
            .shows("answered 503")
            .hides(&format!("action=\"{here}\""))
            .hides(&id.to_string())
            .hides("/edit\"");
    }
    let refused = viewer.post(&here, &[("form", "console-0")]).await;
    refused.is(403).shows("WEBHOOK.UPDATE");
    let of_deliveries = [Permission::WebhookView, Permission::WebhookEventView];
    let page = scene.signed_in_for(&of_deliveries).await.get(&here).await;
    page.shows(&id.to_string()).hides("/give-up");
    let stranger = scene.signed_in_for(&[Permission::WebhookEventView]).await;
    stranger.get(LIST).await.is(403);
    stranger.get("/console/p/acme/").await.hides(LIST);
}
