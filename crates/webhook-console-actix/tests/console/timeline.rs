//! The keys of a webhook over time: those that sign and those that have ended, as a picture and in words.

use std::time::Duration;

use webhook_domain::access::permission::Permission;
use webhook_domain::webhook::Webhook;

use crate::browser::{Answer, Browser};
use crate::headers::guarded;
use crate::scene::Scene;

fn path(webhook: &Webhook) -> String {
    format!("/console/p/acme/webhooks/{}", webhook.id)
}

/// Rolls the secret, so that the retired key ends at once.
async fn roll(browser: &Browser<'_>, webhook: &Webhook) {
    let action = format!("{}/roll", path(webhook));
    let page = browser.get_through(&format!("{action}?overlap=0")).await;
    let fields = Browser::fill(&page, &action, &[]);
    browser.send(&action, &fields).await.is(200);
}

async fn current(scene: &Scene, webhook: &Webhook) -> String {
    let ring = scene.stored("acme", webhook.id).await.unwrap().key_ring;
    ring.current().unwrap().fingerprint().to_string()
}

fn short(fingerprint: &str) -> &str {
    fingerprint.strip_prefix("sha256:").unwrap()
}

/// What the page says in the row of a key.
fn row<'a>(page: &'a Answer, role: &str, key: &str) -> &'a str {
    let rows = page.text.split("<tr>");
    let mut own =
        rows.filter(|row| row.contains(&format!("<th scope=\"row\">{role}<br>")) && row.contains(key));
    own.next()
        .unwrap_or_else(|| panic!("no row of {role} {key} in {}", page.text))
}

/// What the page says happened to a key, the latest first, each with when.
fn happened(page: &Answer, key: &str) -> Vec<(String, String)> {
    let rows = page.text.split("<tr><th scope=\"row\">").skip(1);
    let own = rows.filter(|row| row.contains(&format!("<td><code>{key}</code></td>")));
    let told = own.map(|row| {
        let (says, rest) = row.split_once("</th><td><time datetime=\"").unwrap();
        (says.to_owned(), rest.split('"').next().unwrap().to_owned())
    });
    told.collect()
}

#[actix_web::test]
async fn keys_that_have_ended_stand_on_the_timeline_and_in_words() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let here = path(&webhook);
    let first = current(&scene, &webhook).await;
    browser
        .get(&here)
        .await
        .hides("class=\"bar ended\"")
        .hides("Keys that have ended");
    let check = async |answers: [u16; 3]| {
        for status in answers {
            scene.receiver.answers(status, "");
        }
        let page = browser.get(&here).await;
        let action = format!("{here}/check");
        browser
            .send(&action, &Browser::fill(&page, &action, &[]))
            .await
            .is(200);
    };
    scene.clock.advance_seconds(60);
    check([204, 204, 204]).await;
    scene.clock.advance_seconds(60);
    check([401, 204, 401]).await;
    scene.clock.advance_seconds(60);
    roll(&browser, &webhook).await;
    let second = current(&scene, &webhook).await;
    scene.clock.advance_seconds(60);

    let page = browser.get(&here).await;
    guarded(&page.text);
    assert_eq!(
        page.text.matches("class=\"bar ended\"").count(),
        1 + 1,
        "and in the legend"
    );
    page.shows(&format!("ended {}", short(&first)))
        .shows(&format!("current {}", short(&second)))
        .shows("Keys that ended within the last 90 days.");
    let ended = row(&page, "ended", &first);
    for said in [
        "<td><time datetime=\"2024-04-12T15:25:37Z\"",
        &format!("href=\"/console/p/acme/leaks/{first}\""),
        "shown 1 time<",
    ] {
        assert!(ended.contains(said), "{said} is not in {ended}");
    }
    let told = [
        ("adopted, by a check", "2024-04-12T15:24:37Z"),
        ("checked: adopted", "2024-04-12T15:24:37Z"),
        ("checked: does not verify", "2024-04-12T15:23:37Z"),
        ("shown to command-line", "2024-04-12T15:22:37Z"),
    ];
    let told = told.map(|(says, at)| (says.to_owned(), at.to_owned()));
    assert_eq!(happened(&page, &first), told);
    let of_second = happened(&page, &second);
    assert!(
        of_second.len() == 1 && of_second[0].0.starts_with("shown to key_"),
        "{of_second:?}"
    );

    scene.clock.advance(Duration::from_secs(90 * 86_400));
    let page = scene.signed_in().await.get(&here).await;
    page.is(200)
        .hides("class=\"bar ended\"")
        .hides("Keys that have ended");
}

#[actix_web::test]
async fn what_is_known_of_a_key_stays_when_it_retires() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let (here, first) = (path(&webhook), current(&scene, &webhook).await);
    let page = browser.get(&here).await;
    for status in [401, 204, 401] {
        scene.receiver.answers(status, "");
    }
    let action = format!("{here}/check");
    browser
        .send(&action, &Browser::fill(&page, &action, &[]))
        .await
        .is(200);
    let action = format!("{here}/roll");
    let page = browser.get_through(&action).await;
    browser
        .send(&action, &Browser::fill(&page, &action, &[]))
        .await
        .is(200);
    let page = browser.get(&here).await;
    let retired = row(&page, "retired", &first);
    assert!(retired.contains("adopted, by a check</span> at"), "{retired}");
    let told: Vec<_> = happened(&page, &first)
        .into_iter()
        .map(|(says, _)| says)
        .collect();
    assert!(told.contains(&"checked: adopted".to_owned()), "{told:?}");
    assert!(told.contains(&"adopted, by a check".to_owned()), "{told:?}");
    page.shows("class=\"mark adopted\" d=\"M10 ");
}

#[actix_web::test]
async fn of_many_keys_that_have_ended_the_last_are_shown() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let mut ended = Vec::new();
    for rolled in 1..=21 {
        ended.push(current(&scene, &webhook).await);
        scene.clock.advance_seconds(600);
        roll(&browser, &webhook).await;
        let page = browser.get(&path(&webhook)).await;
        let has_more = rolled > 20;
        assert_eq!(page.text.contains("the last 20 of them"), has_more);
        let rows = page.text.matches("<th scope=\"row\">ended<br>").count();
        assert_eq!(rows, rolled.min(20));
        assert_eq!(
            page.text.contains(&format!("ended {}", short(&ended[0]))),
            !has_more
        );
    }
}

#[actix_web::test]
async fn who_may_not_see_audit_records_sees_no_key_that_has_ended() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let first = current(&scene, &webhook).await;
    roll(&scene.signed_in().await, &webhook).await;
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    let page = viewer.get(&path(&webhook)).await;
    page.is(200)
        .hides(short(&first))
        .hides("What happened to the keys");
}
