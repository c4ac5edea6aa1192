//! Platforms: what belongs to another one does not exist.

use webhook_domain::access::permission::PermissionSet;
use webhook_domain::ports::AuditQuery;

use crate::browser::Browser;
use crate::headers::guarded;
use crate::scene::Scene;

/// Pages of a webhook, and of its platform.
const OF_WEBHOOK: [&str; 8] = [
    "",
    "/penalty-box",
    "/delete",
    "/edit",
    "/roll",
    "/restore",
    "/remove-secret",
    "/retired/sha256:0123456789abcdef",
];
/// What is sent to it.
const FORMS: [&str; 10] = [
    "/penalty-box",
    "/delete",
    "/edit",
    "/test",
    "/roll",
    "/check",
    "/reveal",
    "/restore",
    "/remove-secret",
    "/retired/sha256:0123456789abcdef",
];

#[actix_web::test]
async fn another_platforms_ids_are_as_unknown_ones() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let theirs = scene.webhook("other", "Theirs").await;
    let unknown = "whk_01hv9k2m4rt6w8y0abcdefghjk";
    for path in OF_WEBHOOK {
        let mut texts = Vec::new();
        for (platform, id) in [
            ("acme", theirs.id.to_string()),
            ("acme", unknown.to_owned()),
            ("other", theirs.id.to_string()),
        ] {
            let asked = format!(
                "/console/p/{platform}/webhooks/{id}{path}?form=console-{}",
                "0".repeat(26)
            );
            let page = browser.get(&asked).await;
            page.is(404).hides("Theirs");
            texts.push(page.text.replace(platform, "…"));
        }
        assert_eq!(texts[0], texts[1], "{path}");
    }
    for path in FORMS {
        for (platform, id) in [
            ("acme", theirs.id.to_string()),
            ("acme", unknown.to_owned()),
            ("other", theirs.id.to_string()),
        ] {
            let form = [("form", "console-0123"), ("version", "1"), ("seconds", "0")];
            let action = format!("/console/p/{platform}/webhooks/{id}{path}");
            browser.post(&action, &form).await.is(404);
        }
    }
    for path in ["", "webhooks", "nowhere"] {
        browser.get(&format!("/console/p/other/{path}")).await.is(404);
    }
    assert!(scene.stored("other", theirs.id).await.is_some());
    assert_eq!(scene.receiver.count(), 0);
}

#[actix_web::test]
async fn a_key_for_all_platforms_goes_from_one_to_another_by_the_url() {
    let scene = Scene::new();
    let theirs = scene.webhook("other", "Theirs").await;
    let browser = scene.signed_in_to("*", PermissionSet::all()).await;
    assert_eq!(browser.get("/console/").await.location(), "/console/p/default/");
    browser
        .get("/console/p/default/")
        .await
        .shows("action=\"/console/platform\"");
    assert_eq!(
        browser.get("/console/platform?platform=other").await.location(),
        "/console/p/other/"
    );
    browser
        .get("/console/platform?platform=no%20platform")
        .await
        .is(404);
    browser
        .get("/console/p/other/webhooks")
        .await
        .is(200)
        .shows("Theirs");
    browser
        .get(&format!("/console/p/other/webhooks/{}", theirs.id))
        .await
        .is(200);
    browser
        .get("/console/p/acme/webhooks")
        .await
        .is(200)
        .hides("Theirs");
    browser
        .get(&format!("/console/p/acme/webhooks/{}", theirs.id))
        .await
        .is(404);
    // A tenant has nowhere to go.
    let tenant = scene.signed_in().await;
    tenant.get("/console/p/acme/").await.hides("/console/platform");
}

/// Everything of another platform that a page is about by its id: `{}` stands where the id does.
async fn are_unknown(pages: &[(&str, &str, &str)], forms: &[(&str, &str, &str)], scene: &Scene) {
    let browser = scene.signed_in().await;
    for (path, theirs, unknown) in pages {
        let mut texts = Vec::new();
        for (platform, id) in [("acme", theirs), ("acme", unknown), ("other", theirs)] {
            let path = path.replace("{}", id);
            let page = browser.get(&format!("/console/p/{platform}/{path}")).await;
            page.is(404).hides("Theirs");
            texts.push(page.text.replace(platform, "…"));
        }
        assert_eq!(texts[0], texts[1], "{path}");
    }
    for (path, theirs, unknown) in forms {
        for (platform, id) in [("acme", theirs), ("acme", unknown), ("other", theirs)] {
            let form = [
                ("form", "console-0123"),
                ("created_after", "2024-01-01T00:00:00Z"),
            ];
            let path = path.replace("{}", id);
            let action = format!("/console/p/{platform}/{path}");
            browser.post(&action, &form).await.is(404);
        }
    }
}

#[actix_web::test]
async fn another_platforms_deliveries_are_as_unknown_ones() {
    let scene = Scene::new();
    let theirs = scene.webhook("other", "Theirs").await;
    let delivery = scene.publish(&theirs, "\"Theirs\"").await.to_string();
    let webhook = theirs.id.to_string();
    let (no_delivery, no_webhook) = ("whe_01hv9k2m4rt6w8y0abcdefghjk", "whk_01hv9k2m4rt6w8y0abcdefghjk");
    let key = format!("?form=console-{}", "0".repeat(26));
    let with_key = |path: &str| format!("{path}{key}");
    let pages = [
        ("deliveries/{}", delivery.as_str(), no_delivery),
        ("deliveries/{}/body", &delivery, no_delivery),
        (&with_key("deliveries/{}/resend"), &delivery, no_delivery),
        (&with_key("deliveries/{}/give-up"), &delivery, no_delivery),
        (&with_key("webhooks/{}/replay"), &webhook, no_webhook),
    ];
    let forms = [
        ("deliveries/{}/resend", delivery.as_str(), no_delivery),
        ("deliveries/{}/give-up", &delivery, no_delivery),
        ("webhooks/{}/replay", &webhook, no_webhook),
    ];
    are_unknown(&pages, &forms, &scene).await;
    let browser = scene.signed_in().await;
    for condition in [format!("webhook_id={webhook}"), String::new()] {
        browser
            .get(&format!("/console/p/acme/deliveries?{condition}"))
            .await
            .is(200)
            .hides(&delivery)
            .hides("Theirs");
    }
}

#[actix_web::test]
async fn another_platforms_audit_records_are_as_unknown_ones() {
    let scene = Scene::new();
    let theirs = scene.webhook("other", "Theirs").await.id;
    let query = AuditQuery::of_resource(theirs, 1);
    let records = scene.console.audit.list(&Scene::operator("other"), query).await;
    let record = records.unwrap()[0].id.to_string();
    let pages = [("audit/{}", record.as_str(), "aud_01hv9k2m4rt6w8y0abcdefghjk")];
    are_unknown(&pages, &[], &scene).await;
    let browser = scene.signed_in().await;
    for path in [String::new(), format!("?resource_id={theirs}")] {
        let list = browser.get(&format!("/console/p/acme/audit{path}")).await;
        list.is(200).hides(&format!("<code>{theirs}"));
    }
}

#[actix_web::test]
async fn another_platforms_api_keys_are_as_unknown_ones() {
    let scene = Scene::new();
    let (_, theirs) = scene.key("other", PermissionSet::all()).await;
    let (_, of_all) = scene.key("*", PermissionSet::all()).await;
    let revoke = format!("api-keys/{{}}/revoke?form=console-{}", "0".repeat(26));
    for id in [theirs.to_string(), of_all.to_string()] {
        let unknown = "key_01hv9k2m4rt6w8y0abcdefghjk";
        let pages = [(revoke.as_str(), id.as_str(), unknown)];
        let forms = [("api-keys/{}/revoke", id.as_str(), unknown)];
        are_unknown(&pages, &forms, &scene).await;
        let browser = scene.signed_in().await;
        browser.get("/console/p/acme/api-keys").await.is(200).hides(&id);
    }
}

#[actix_web::test]
async fn a_path_that_leads_nowhere_is_answered_with_a_page_wherever_it_begins() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    for below in [
        String::new(),
        "/p/acme".to_owned(),
        format!("/p/acme/webhooks/{}", webhook.id),
        "/p/acme/deliveries/evt_1".to_owned(),
        "/p/acme/campaigns/rot_1".to_owned(),
    ] {
        let answer = browser.get(&format!("/console{below}/nothing")).await;
        answer.is(404).shows("<h1>");
        guarded(&answer.text);
    }
}

#[actix_web::test]
async fn an_empty_name_in_a_path_leads_nowhere() {
    let scene = Scene::new();
    let (stranger, browser) = (Browser::new(&scene), scene.signed_in().await);
    for path in [
        "/console/p//webhooks",
        "/console/p//webhooks/",
        "/console/p/acme/webhooks//edit",
    ] {
        for anybody in [&stranger, &browser] {
            anybody.get(path).await.is(404);
        }
    }
    browser.get("/console/p/acme/webhooks").await.is(200);
}
