//! The list of webhooks, one webhook, deleting and testing it.

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::permission::Permission;
use webhook_domain::services::RollSecret;
use webhook_domain::signing::key_ring::Overlap;

use crate::browser::Browser;
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/webhooks";

#[actix_web::test]
async fn names_are_shown_as_they_are_and_are_no_markup() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "\u{202e}gnp.evil\u{202c}",
        &"🪝".repeat(256),
        "{{ 7 * 7 }}",
    ];
    for name in names {
        let webhook = scene.webhook("acme", name).await;
        let here = format!("{LIST}/{}", webhook.id);
        for page in [
            LIST,
            &here,
            &format!("{here}/delete?form=console-{}", "0".repeat(26)),
        ] {
            let page = browser.get(page).await;
            page.is(200).hides("<script>").hides("<img").hides(">49<");
            guarded(&page.text);
        }
    }
    let list = browser.get(LIST).await;
    list.shows("&#60;script&#62;alert(1)&#60;/script&#62;")
        .shows("{{ 7 * 7 }}")
        .shows(&"🪝".repeat(256));
}

#[actix_web::test]
async fn a_webhook_leads_to_its_deliveries_and_its_records() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Orders").await;
    let page = browser.get(&format!("{LIST}/{}", webhook.id)).await;
    for path in [
        format!("/console/p/acme/deliveries?webhook_id={}", webhook.id),
        format!("{LIST}/{}/replay", webhook.id),
        format!("/console/p/acme/audit?resource_id={}", webhook.id),
    ] {
        page.shows(&format!("href=\"{path}\""));
        browser.get(&path).await.is(200);
    }
}

#[actix_web::test]
async fn a_list_leads_to_those_whose_keys_need_somebody() {
    let scene = Scene::new();
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    let list = viewer.get(LIST).await;
    for page in ["not-adopted", "stopping", "roll-due"] {
        let page = format!("/console/p/acme/{page}");
        list.shows(&format!("<a href=\"{page}\">"));
        viewer.get(&page).await.is(200);
    }
}

#[actix_web::test]
async fn it_is_said_what_a_check_sends_before_it_is_sent() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let here = format!("{LIST}/{}", webhook.id);
    let page = scene.signed_in().await.get(&here).await;
    page.shows("<button aria-describedby=\"check-says\">Check")
        .shows("id=\"check-says\">The check sends up to four probes of type <code>WEBHOOK.KEY_CHECK</code>");
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    viewer.get(&here).await.is(200).hides("check-says");
}

#[actix_web::test]
async fn a_list_is_read_page_by_page_and_back() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    for number in 0..120 {
        scene.webhook("acme", &format!("webhook {number:03}")).await;
    }
    let shown = |text: &str| -> Vec<usize> {
        let found = text.split("<bdi>webhook ").skip(1);
        found.map(|rest| rest[..3].parse().unwrap()).collect()
    };
    let link = |text: &str, rel: &str| {
        let before = text
            .split(&format!("\" rel=\"{rel}\""))
            .next()
            .filter(|before| before.len() < text.len())?;
        Some(before.rsplit("href=\"").next().unwrap().replace("&#38;", "&"))
    };
    let first = browser.get(&format!("{LIST}?order=name")).await;
    assert_eq!(shown(&first.text), (0..50).collect::<Vec<_>>());
    assert_eq!(link(&first.text, "prev"), None);
    first.shows("120 webhooks");
    let second = browser.get(&link(&first.text, "next").unwrap()).await;
    assert_eq!(shown(&second.text), (50..100).collect::<Vec<_>>());
    let third = browser.get(&link(&second.text, "next").unwrap()).await;
    assert_eq!(shown(&third.text), (100..120).collect::<Vec<_>>());
    assert_eq!(link(&third.text, "next"), None);
    let back = browser.get(&link(&third.text, "prev").unwrap()).await;
    assert_eq!(shown(&back.text), (50..100).collect::<Vec<_>>());
    let back = browser.get(&link(&back.text, "prev").unwrap()).await;
    assert_eq!(shown(&back.text), (0..50).collect::<Vec<_>>());
    assert_eq!(link(&back.text, "prev"), None);
    let whole = browser.get(LIST).await;
    assert!(whole.text.len() < 60_000, "{} bytes", whole.text.len());
}

#[actix_web::test]
async fn a_list_has_what_meets_the_conditions() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    scene.webhook("acme", "Invoices").await;
    scene.webhook("acme", "Payments").await;
    let find = async |query: &str| browser.get(&format!("{LIST}?{query}")).await;
    find("name=Invoices")
        .await
        .shows("Invoices")
        .hides("Payments")
        .shows("1 webhook that");
    find("state=inactive")
        .await
        .shows("No webhook meets these conditions");
    find("state=active&url_host=example.com")
        .await
        .shows("Invoices")
        .shows("Payments");
    find("url_host=other.example")
        .await
        .shows("No webhook meets these conditions");
    // What cannot be is said beside its field, and what was written stays there.
    let wrong = find("url_host=https%3A%2F%2Fexample.com%2F").await;
    wrong
        .is(200)
        .shows("id=\"url_host-wrong\"")
        .shows("aria-describedby=\"url_host-wrong\"");
    wrong.shows("value=\"https://example.com/\"").hides("Payments");
}

/// Where one key alone was ever the current one, there is nothing that its receiver could adopt.
#[actix_web::test]
async fn a_key_that_nothing_came_before_is_not_waited_for() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let pages = [LIST.to_owned(), format!("{LIST}/{}", webhook.id)];
    let roll = RollSecret {
        overlap: Some(Overlap::from_seconds(600).unwrap()),
        ..RollSecret::default()
    };
    let said = async |text: &str| {
        for page in &pages {
            let page = browser.get(page).await;
            for state in ["never rolled", "not adopted yet", "adoption unknown"] {
                match state == text {
                    true => page.shows(&format!(">{state}</span>")),
                    false => page.hides(state),
                };
            }
        }
    };
    said("never rolled").await;
    let keys = &scene.console.secret_keys;
    keys.roll(&Scene::operator("acme"), webhook.id, roll)
        .await
        .unwrap();
    said("not adopted yet").await;
    scene.clock.advance_seconds(600);
    said("adoption unknown").await;
}

#[actix_web::test]
async fn a_webhook_is_deleted_once_somebody_has_confirmed_it() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{LIST}/{}/delete", webhook.id);
    let page = browser.get_through(&action).await;
    page.is(200).shows("Delete <bdi>Invoices</bdi>?");
    assert!(scene.stored("acme", webhook.id).await.is_some());
    let fields = Browser::fill(&page, &action, &[]);
    // A double click, or going back and sending it again, is answered alike.
    for _ in 0..2 {
        let answer = browser.send(&action, &fields).await;
        assert_eq!(answer.location(), format!("{LIST}?done=deleted"));
    }
    assert!(scene.stored("acme", webhook.id).await.is_none());
    browser
        .get(&format!("{LIST}?done=deleted"))
        .await
        .shows("The webhook was deleted.");
    browser
        .get(&format!("{LIST}?done=%3Cb%3E"))
        .await
        .hides("role=\"status\"");
}

#[actix_web::test]
async fn what_was_changed_since_is_not_deleted_unseen() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{LIST}/{}/delete", webhook.id);
    let page = browser.get_through(&action).await;
    let mut fields = Browser::fill(&page, &action, &[]);
    let version = fields.iter_mut().find(|(name, _)| name == "version").unwrap();
    version.1 = "7".to_owned();
    browser
        .send(&action, &fields)
        .await
        .is(409)
        .shows("Somebody changed the webhook");
    fields.retain(|(name, _)| name != "version");
    browser.send(&action, &fields).await.is(409);
    assert!(scene.stored("acme", webhook.id).await.is_some());
}

#[actix_web::test]
async fn a_page_that_somebody_comes_back_to_has_the_same_form() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("{LIST}/{}/delete", webhook.id);
    let with_key = browser.get(&format!("{action}?form=hunter2")).await;
    let with_key = with_key.location();
    assert!(
        with_key.starts_with(&format!("{action}?form=console-")),
        "{with_key}"
    );
    let [once, again] = [browser.get(with_key).await, browser.get(with_key).await];
    assert_eq!(once.hidden(&action), again.hidden(&action));
    let other = browser.get_through(&action).await;
    assert_ne!(other.hidden(&action), once.hidden(&action));
}

#[actix_web::test]
async fn a_test_event_is_sent_once_for_each_form() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let here = format!("{LIST}/{}", webhook.id);
    let action = format!("{here}/test");
    let page = browser.get(&here).await;
    let fields = Browser::fill(&page, &action, &[]);
    for _ in 0..2 {
        browser
            .send(&action, &fields)
            .await
            .is(200)
            .shows("The receiver answered 204.");
    }
    assert_eq!(scene.receiver.count(), 1);
    let fields = Browser::fill(&browser.get(&here).await, &action, &[]);
    browser.send(&action, &fields).await.is(200);
    assert_eq!(scene.receiver.count(), 2);
    // A form without a key, and the key of another form.
    browser.post(&action, &[]).await.is(400);
    let other = format!("{here}/delete");
    let fields: Vec<_> = fields
        .into_iter()
        .chain([("version".into(), "1".into())])
        .collect();
    browser
        .send(&other, &fields)
        .await
        .is(409)
        .shows("This form was sent before");
}

/// Looking at a webhook does not show its secrets, whoever looks.
#[actix_web::test]
async fn looking_reveals_nothing() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    for page in [LIST, &format!("{LIST}/{}", webhook.id)] {
        browser.get(page).await.is(200).hides("whsec_");
    }
    assert_eq!(
        scene.audited("acme", webhook.id).await,
        [AuditAction::WebhookCreated]
    );
}
