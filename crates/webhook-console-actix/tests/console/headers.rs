//! What every answer has, and what no page has.

use actix_web::http::Method;

use crate::browser::Browser;
use crate::scene::Scene;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

#[actix_web::test]
async fn every_answer_has_the_headers_that_guard_it() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let stranger = Browser::new(&scene);
    let answers = [
        browser.get("/console/p/acme/").await,
        browser.get("/console/p/acme/nowhere").await,
        browser.get("/console/nowhere").await,
        browser.get("/console/").await,
        browser.post("/console/p/acme/", &[]).await,
        stranger.get("/console/p/acme/").await,
        stranger.get("/console/sign-in").await,
        stranger.post("/console/sign-in", &[("api_key", "wrong")]).await,
    ];
    for answer in answers {
        assert_eq!(answer.header("content-security-policy"), POLICY);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[actix_web::test]
async fn what_pages_are_made_of_is_kept_for_good_under_names_with_its_hash() {
    let scene = Scene::new();
    let page = Browser::new(&scene).get("/console/sign-in").await;
    let links = page.text.split("/console/assets/").skip(1);
    let names: Vec<_> = links.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for (name, content_type) in names.iter().zip([
        "image/svg+xml",
        "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
        "text/javascript; charset=utf-8",
    ]) {
        let file = Browser::new(&scene).get(&format!("/console/assets/{name}")).await;
        file.is(200);
        assert_eq!(file.header("content-type"), content_type, "{name}");
        assert_eq!(
            file.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(file.header("content-security-policy"), POLICY);
        assert_eq!(file.header("x-content-type-options"), "nosniff");
    }
    Browser::new(&scene)
        .get("/console/assets/console.css")
        .await
        .is(404);
}

#[actix_web::test]
async fn a_page_is_read_by_its_head_alone_too() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser.ask(Method::HEAD, "/console/p/acme/", None).await.is(200);
    browser.ask(Method::PUT, "/console/p/acme/", None).await.is(405);
}

/// Of all pages that a test can reach by their address alone.
#[actix_web::test]
async fn no_page_has_a_style_or_a_script_of_its_own() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let key = format!("form=console-{}", "0".repeat(26));
    let here = format!("webhooks/{}", webhook.id);
    let pages = ["", "webhooks", &here, &format!("webhooks/new?{key}")].map(str::to_owned);
    let forms = ["edit", "delete", "roll", "restore", "remove-secret", "replay"];
    let forms = forms.map(|form| format!("{here}/{form}?{key}"));
    let others = [
        "penalty-box",
        "actions",
        "deliveries",
        "audit",
        "audit/verify",
        "api-keys",
        "campaigns",
        "campaigns/plan",
        "leaks",
    ]
    .map(str::to_owned);
    for path in pages.into_iter().chain(forms).chain(others) {
        let page = browser.get(&format!("/console/p/acme/{path}")).await;
        page.is(200);
        guarded(&page.text);
    }
    guarded(&Browser::new(&scene).get("/console/sign-in").await.text);
}

/// Nothing that the policy would refuse, and nothing from elsewhere.
#[track_caller]
pub(crate) fn guarded(html: &str) {
    for forbidden in [
        " style=",
        "<style",
        " onclick",
        " onload",
        "hx-on",
        "js:",
        "javascript:",
        "http-equiv=\"refresh\"",
    ] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    for tag in html.split("<script").skip(1) {
        assert!(tag.starts_with(" src=\"/console/assets/"), "{tag}");
    }
    for link in html.split("<link ").skip(1) {
        assert!(link.contains("href=\"/console/assets/"), "{link}");
    }
    assert!(html.contains("\"includeIndicatorStyles\":false") && html.contains("\"allowEval\":false"));
    assert!(html.contains("<main id=\"main\"") && html.contains("<html lang=\"en\">"));
}

#[actix_web::test]
async fn a_request_says_which_path_of_the_table_it_came_to_and_words_come_before_names() {
    let scene = Scene::new();
    let browser = Browser::new(&scene);
    for (path, route) in [
        ("/console", Some("/console")),
        ("/console/", Some("/console/")),
        (
            "/console/p/acme/webhooks/new",
            Some("/console/p/{platform}/webhooks/new"),
        ),
        (
            "/console/p/acme/webhooks/whk_1",
            Some("/console/p/{platform}/webhooks/{id}"),
        ),
        (
            "/console/p/acme/webhooks/a%2Fb/roll",
            Some("/console/p/{platform}/webhooks/{id}/roll"),
        ),
        ("/console/p/acme/webhooks/whk_1/nowhere", None),
    ] {
        assert_eq!(browser.get(path).await.route, route, "{path}");
    }
}
