//! Deliveries: the list, the inspector, sending again, giving up.

use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::id::DeliveryId;
use webhook_domain::services::DeleteWebhook;

use crate::browser::Browser;
use crate::dispatcher::Dispatcher;
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/deliveries";

async fn status(scene: &Scene, id: DeliveryId) -> DeliveryStatus {
    let acting = Scene::operator("acme");
    let found = scene.console.events.delivery(&acting, id).await;
    found.unwrap().delivery.status
}

#[actix_web::test]
async fn a_list_has_what_meets_the_conditions_page_by_page() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser.get(LIST).await.is(200).shows("Create a webhook first");
    let webhook = scene.webhook("acme", "Invoices").await;
    let dispatcher = Dispatcher::of(&scene).await;
    let mut ids = vec![scene.publish(&webhook, "{}").await];
    dispatcher.deliver(&webhook).await;
    for _ in 0..60 {
        ids.push(scene.publish(&webhook, "{}").await);
    }
    let waiting = browser.get(&format!("{LIST}?status=PENDING")).await;
    waiting.is(200).hides(&format!("{LIST}/{}\"", ids[0]));
    assert_eq!(waiting.text.matches("<th scope=\"row\">").count(), 50);
    let (before, _) = waiting.text.split_once("\" rel=\"next\"").unwrap();
    let next = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
    let rest = browser.get(&next).await;
    assert_eq!(rest.text.matches("<th scope=\"row\">").count(), 10);
    rest.hides("rel=\"next\"").shows(&ids[1].to_string());
    let done = browser
        .get(&format!("{LIST}?status=SUCCEEDED&webhook_id={}", webhook.id))
        .await;
    done.shows(&format!("{LIST}/{}\"", ids[0]))
        .shows("delivered")
        .shows("taken: 204")
        .shows("<bdi>Invoices</bdi>")
        .hides(&ids[1].to_string());
    let key = webhook.key_ring.current().unwrap().fingerprint();
    browser
        .get(&format!("{LIST}?key_fingerprint={}", key.as_str()))
        .await
        .shows(&ids[0].to_string())
        .hides(&ids[1].to_string());
    let wrong = browser.get(&format!("{LIST}?event_id=nothing")).await;
    wrong
        .is(200)
        .shows("id=\"event_id-wrong\"")
        .shows("value=\"nothing\"");
}

#[actix_web::test]
async fn an_inspector_says_why_it_waits_what_was_tried_and_which_key_signed() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let first = scene
        .publish(&webhook, r#"{"note":"<script>alert(1)</script>"}"#)
        .await;
    let second = scene.publish(&webhook, "{}").await;
    scene.receiver.answers(500, "<img src=x> broken");
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let page = browser.get(&format!("{LIST}/{first}")).await;
    let key = webhook.key_ring.current().unwrap().fingerprint();
    page.is(200)
        .shows("This event is the first in the queue")
        .shows("The receiver answered 500.")
        .shows("&#60;img src=x&#62; broken")
        .hides("<img")
        .hides("<script>alert")
        .shows("&#60;script&#62;alert(1)")
        .shows(key.as_str())
        .shows("HmacSHA256")
        .shows("<rect class=\"failed\"")
        .shows("<caption>Attempts that are kept, oldest first</caption>")
        .shows("webhook-server verify --secret-file secret.txt --headers headers.txt")
        .shows("&#39;https://example.com/hook&#39;");
    // The bytes that are signed, and no signature.
    let tracked = scene
        .console
        .events
        .delivery(&Scene::operator("acme"), first)
        .await
        .unwrap();
    let at = tracked.attempts[0].at;
    page.shows(&format!("{}.{}.{{", tracked.delivery.event, at.as_seconds()))
        .shows(&format!("v1,[by {}]", key.as_str()))
        .hides("whsec_");
    guarded(&page.text);
    let behind = browser.get(&format!("{LIST}/{second}")).await;
    behind
        .shows("Another event is before it in the queue")
        .shows("Nothing was tried yet.");
    // The body is a file, byte for byte.
    let body = browser.get(&format!("{LIST}/{first}/body")).await;
    assert!(body.header("content-disposition").starts_with("attachment"));
    assert_eq!(
        body.text.as_bytes(),
        tracked
            .delivery
            .payload(&tracked.event, scene.console.probes.environment)
    );
}

#[actix_web::test]
async fn a_long_body_is_cut_and_its_length_is_said() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let id = scene
        .publish(&webhook, &format!("\"{}END\"", "a".repeat(10_000)))
        .await;
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    let page = browser.get(&format!("{LIST}/{id}")).await;
    page.shows("The first 4096 of 10").hides("END");
    browser.get(&format!("{LIST}/{id}/body")).await.shows("END");
}

#[actix_web::test]
async fn a_delivery_is_given_up_and_sent_again_once_somebody_has_confirmed_it() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let id = scene.publish(&webhook, "{}").await;
    let here = format!("{LIST}/{id}");
    browser.get(&here).await.hides("/resend\"");
    let action = format!("{here}/give-up");
    let page = browser.get_through(&action).await;
    let fields = Browser::fill(&page, &action, &[]);
    for _ in 0..2 {
        let answer = browser.send(&action, &fields).await;
        assert_eq!(answer.location(), format!("{here}?done=given-up"));
    }
    assert_eq!(status(&scene, id).await.name(), "FAILED");
    let page = browser.get(&format!("{here}?done=given-up")).await;
    page.shows("It is given up").hides("/give-up\"");
    // Another form to give it up comes too late.
    let late = browser.get_through(&action).await;
    let late = Browser::fill(&late, &action, &[]);
    browser.send(&action, &late).await.is(409);

    let action = format!("{here}/resend");
    let page = browser.get_through(&action).await;
    let fields = Browser::fill(&page, &action, &[]);
    browser.send(&action, &fields).await;
    assert_eq!(status(&scene, id).await.name(), "PENDING");
    Dispatcher::of(&scene).await.deliver(&webhook).await;
    // The same form once more does nothing, though it could be done again by now.
    let answer = browser.send(&action, &fields).await;
    assert_eq!(answer.location(), format!("{here}?done=resent"));
    assert_eq!(status(&scene, id).await.name(), "SUCCEEDED");
    assert_eq!(scene.receiver.count(), 1);
}

#[actix_web::test]
async fn events_of_a_time_are_counted_before_they_are_sent_again() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("/console/p/acme/webhooks/{}/replay", webhook.id);
    for _ in 0..3 {
        scene.publish(&webhook, "{}").await;
    }
    let dispatcher = Dispatcher::of(&scene).await;
    dispatcher.deliver(&webhook).await;
    scene.publish(&webhook, "{}").await;
    browser
        .get(&action)
        .await
        .is(200)
        .hides("method=\"post\" action=\"/console/p/acme/webhooks");
    let asked = format!("{action}?created_after=2020-01-01T00:00&created_before=&status=");
    let page = browser.get_through(&asked).await;
    page.shows("<strong>3</strong> events would be sent again");
    assert_eq!(scene.receiver.count(), 3);
    let fields = Browser::fill(&page, &action, &[]);
    for _ in 0..2 {
        browser
            .send(&action, &fields)
            .await
            .is(200)
            .shows("3 events are in the webhook's queue again");
    }
    dispatcher.deliver(&webhook).await;
    assert_eq!(scene.receiver.count(), 7);
    browser
        .get_through(&format!("{asked}FAILED"))
        .await
        .shows("Nothing would be sent");
    browser
        .get(&format!(
            "{action}?created_after=2024-01-02T00:00&created_before=2024-01-01T00:00"
        ))
        .await
        .is(200)
        .shows("id=\"created_before-wrong\"");
}

#[actix_web::test]
async fn permissions_decide_what_can_be_done_to_a_delivery() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let id = scene.publish(&webhook, "{}").await;
    let here = format!("{LIST}/{id}");
    let viewer = scene.signed_in_for(&[Permission::WebhookEventView]).await;
    viewer
        .get(&here)
        .await
        .is(200)
        .hides("/give-up")
        .hides("Invoices");
    for path in ["/give-up", "/resend"] {
        viewer.get(&format!("{here}{path}")).await.is(403);
        let answer = viewer
            .post(&format!("{here}{path}"), &[("form", "console-0")])
            .await;
        answer.is(403).shows("WEBHOOK_EVENT.RESEND");
    }
    let other = scene.signed_in_for(&[Permission::WebhookView]).await;
    for path in ["", "/body"] {
        other.get(&format!("{here}{path}")).await.is(403);
    }
    other.get(LIST).await.is(403);
    other.get("/console/p/acme/").await.hides(LIST);
}

#[actix_web::test]
async fn names_of_webhooks_and_what_receivers_answer_are_no_markup() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let names = [
        "<script>alert(1)</script>",
        "\u{202e}gnp.evil\u{202c}",
        &"🪝".repeat(256),
    ];
    for name in names {
        let webhook = scene.webhook("acme", name).await;
        let id = scene.publish(&webhook, "{}").await;
        scene.receiver.answers(500, name);
        Dispatcher::of(&scene).await.deliver(&webhook).await;
        let of_webhook = format!("{LIST}?webhook_id={}", webhook.id);
        let replay = format!("/console/p/acme/webhooks/{}/replay", webhook.id);
        let held_up = format!("/console/p/acme/webhooks/{}/penalty-box", webhook.id);
        for path in [&of_webhook, &format!("{LIST}/{id}"), &replay, &held_up] {
            let page = browser.get(path).await;
            page.is(200).hides("<script>").shows("<bdi>");
            guarded(&page.text);
        }
    }
}

#[actix_web::test]
async fn a_list_names_webhooks_that_there_are_to_those_who_may_see_them() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let named = scene.webhook("acme", "<b>Invoices</b>").await;
    let unnamed = scene.webhook("acme", "").await;
    let gone = scene.webhook("acme", "Gone").await;
    scene.publish(&named, "{}").await;
    let (acting, webhooks) = (Scene::operator("acme"), &scene.console.webhooks);
    webhooks
        .delete(&acting, gone.id, DeleteWebhook::default())
        .await
        .unwrap();
    let href = |id| format!("href=\"/console/p/acme/webhooks/{id}\"");
    let id = |id| format!("<code class=\"quiet\">{id}</code>");
    let page = browser.get(LIST).await;
    page.shows(&format!(
        "{}><bdi>&#60;b&#62;Invoices&#60;/b&#62;</bdi></a>",
        href(named.id)
    ))
    .shows(&id(named.id))
    .shows(&format!("{}><code>{}</code></a>", href(unnamed.id), unnamed.id))
    .shows(&format!("<td><code>{}</code></td>", gone.id))
    .hides("Gone")
    .hides(&href(gone.id));
    let other = scene.signed_in_for(&[Permission::WebhookEventView]).await;
    other
        .get(LIST)
        .await
        .shows(&format!("<td><code>{}</code></td>", named.id))
        .hides("Invoices")
        .hides(&href(named.id));
}
