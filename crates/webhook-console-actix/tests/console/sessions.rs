//! Signing in and out, and what ends a session.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::access::session::{IDLE, LONGEST};
use webhook_front_actix::RequestRates;

use crate::browser::Browser;
use crate::scene::Scene;

const OVERVIEW: &str = "/console/p/acme/";

#[actix_web::test]
async fn an_api_key_is_exchanged_for_a_session() {
    let scene = Scene::new();
    let (key, _) = scene.key("acme", PermissionSet::all()).await;
    let mut browser = Browser::new(&scene);
    assert_eq!(
        browser.get(OVERVIEW).await.location(),
        "/console/sign-in?to=%2Fconsole%2Fp%2Facme%2F"
    );
    let answer = browser
        .post(
            "/console/sign-in",
            &[("api_key", &key), ("to", "/console/p/acme/webhooks")],
        )
        .await;
    assert_eq!(answer.location(), "/console/p/acme/webhooks");
    let cookie = answer.header("set-cookie");
    assert!(!cookie.contains(&key));
    browser.cookie = cookie.split(';').next().map(str::to_owned);
    browser.get(OVERVIEW).await.is(200).shows("Overview").hides(&key);
}

#[actix_web::test]
async fn the_cookie_is_bound_to_the_host_wherever_tls_is() {
    let on_loopback = Scene::new();
    let public = Scene::at("https://hooks.example.com");
    let tls = Scene::with(|console| console.has_tls = true);
    let at_public_loopback = Scene::at("http://localhost:8080");
    for (scene, host, begins, ends) in [
        (
            &on_loopback,
            "localhost:8080",
            "webhook-console=",
            "; Path=/; HttpOnly; SameSite=Strict",
        ),
        (
            &on_loopback,
            "hooks.example.com",
            "__Host-webhook-console=",
            "; Path=/; HttpOnly; SameSite=Strict; Secure",
        ),
        (
            &public,
            "10.0.0.1:8080",
            "__Host-webhook-console=",
            "; Path=/; HttpOnly; SameSite=Strict; Secure",
        ),
        (
            &tls,
            "localhost:8443",
            "__Host-webhook-console=",
            "; Path=/; HttpOnly; SameSite=Strict; Secure",
        ),
        (
            &at_public_loopback,
            "localhost:8080",
            "webhook-console=",
            "; Path=/; HttpOnly; SameSite=Strict",
        ),
    ] {
        let (key, _) = scene.key("acme", PermissionSet::all()).await;
        let mut browser = Browser::new(scene);
        browser.host = host.to_owned();
        let answer = browser.post("/console/sign-in", &[("api_key", &key)]).await;
        let cookie = answer.header("set-cookie");
        let token = cookie
            .strip_prefix(begins)
            .and_then(|rest| rest.strip_suffix(ends));
        assert_eq!(token.unwrap_or_else(|| panic!("{cookie}")).len(), 43);
    }
}

#[actix_web::test]
async fn what_is_no_key_in_force_signs_nobody_in() {
    let scene = Scene::new();
    let (key, id) = scene.key("acme", PermissionSet::all()).await;
    scene.key("acme", PermissionSet::all()).await;
    scene.revoke("acme", id).await;
    for wrong in ["", "whkey_x", &key, "eyJhbGciOiJFZERTQSJ9.e30.x"] {
        let answer = Browser::new(&scene)
            .post("/console/sign-in", &[("api_key", wrong)])
            .await;
        answer.is(403).shows("This is no valid API key").hides("whkey_");
        assert_eq!(answer.header("set-cookie"), "");
    }
}

#[actix_web::test]
async fn signing_in_is_limited_as_wrong_keys_are() {
    let scene = Scene::with(|console| {
        let rates = RequestRates::new(None, NonZeroU32::new(1), &console.clock);
        console.rates = Arc::new(rates);
    });
    let mut statuses = Vec::new();
    for _ in 0..22 {
        let answer = Browser::new(&scene)
            .post("/console/sign-in", &[("api_key", "wrong")])
            .await;
        statuses.push((answer.status, answer.header("retry-after").to_owned()));
    }
    let refused = statuses.iter().position(|(status, _)| *status == 429).unwrap();
    assert_eq!(refused, 20);
    assert_eq!(statuses[20].1, "2");
    let (key, _) = scene.key("acme", PermissionSet::all()).await;
    Browser::new(&scene).sign_in(&key).await;
}

#[actix_web::test]
async fn a_session_ends_with_its_key() {
    let scene = Scene::new();
    let (key, id) = scene.key("acme", PermissionSet::all()).await;
    scene.key("acme", PermissionSet::all()).await;
    let mut browser = Browser::new(&scene);
    browser.sign_in(&key).await;
    browser.get(OVERVIEW).await.is(200);
    scene.revoke("acme", id).await;
    browser.get(OVERVIEW).await.is(303);
}

#[actix_web::test]
async fn signing_out_ends_the_session_wherever_its_cookie_is() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let mut thief = Browser::new(&scene);
    thief.cookie.clone_from(&browser.cookie);
    thief.get(OVERVIEW).await.is(200);
    let answer = browser.post("/console/sign-out", &[]).await;
    assert_eq!(answer.location(), "/console/sign-in");
    assert!(answer.header("set-cookie").ends_with("; Max-Age=0"));
    thief.get(OVERVIEW).await.is(303);
}

#[actix_web::test]
async fn signing_in_anew_ends_the_session_before() {
    let scene = Scene::new();
    let (key, _) = scene.key("acme", PermissionSet::all()).await;
    let mut browser = Browser::new(&scene);
    browser.sign_in(&key).await;
    let before = browser.cookie.clone();
    browser.sign_in(&key).await;
    assert_ne!(browser.cookie, before);
    browser.get(OVERVIEW).await.is(200);
    browser.cookie = before;
    browser.get(OVERVIEW).await.is(303);
}

#[actix_web::test]
async fn a_session_that_nobody_uses_ends() {
    let scene = Scene::new();
    let mut browser = scene.signed_in().await;
    let most_of_it = IDLE - Duration::from_secs(60);
    for _ in 0..2 {
        scene.clock.advance(most_of_it);
        browser.get(OVERVIEW).await.is(200);
    }
    // A page that asks by itself is nobody's use.
    browser.says.push(("hx-request", "true".to_owned()));
    scene.clock.advance(most_of_it);
    browser.get(OVERVIEW).await.is(200);
    scene.clock.advance(most_of_it);
    browser.get(OVERVIEW).await.is(303);
}

#[actix_web::test]
async fn a_session_ends_after_its_longest_time_however_much_it_is_used() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let step = Duration::from_secs(20 * 60);
    let steps = LONGEST.as_secs() / step.as_secs();
    for _ in 1..steps {
        scene.clock.advance(step);
        browser.get(OVERVIEW).await.is(200);
    }
    scene.clock.advance(step);
    browser.get(OVERVIEW).await.is(303);
}

#[actix_web::test]
async fn a_cookie_that_is_none_or_there_twice_is_nobodys() {
    let scene = Scene::new();
    let mut browser = scene.signed_in().await;
    let right = browser.cookie.clone().unwrap();
    let (name, token) = right.split_once('=').unwrap();
    for wrong in [
        format!("{name}="),
        format!("{name}={}", &token[1..]),
        format!("{name}={}", "A".repeat(43)),
        format!("x{name}={token}"),
        format!("__Host-{name}={token}"),
        format!("{right}; {right}"),
    ] {
        browser.cookie = Some(wrong.clone());
        assert_eq!(browser.get(OVERVIEW).await.status, 303, "{wrong}");
    }
    browser.cookie = Some(format!("a=b; {right}; c=d"));
    browser.get(OVERVIEW).await.is(200);
}

/// Such a browser keeps the cookie back until a page of the console's own asks.
#[actix_web::test]
async fn a_link_from_another_site_leads_on() {
    let scene = Scene::new();
    let mut browser = Browser::new(&scene);
    browser.says = vec![("sec-fetch-site", "cross-site".to_owned())];
    let page = browser.get_through("/console/p/acme/webhooks").await;
    page.is(200)
        .shows("content=\"0; url=/console/p/acme/webhooks\"")
        .hides("API key");
    browser
        .get("/console/sign-in?to=https://example.com/")
        .await
        .is(200)
        .hides("example.com");
}

#[actix_web::test]
async fn after_signing_in_nobody_is_sent_elsewhere() {
    let scene = Scene::new();
    let (key, _) = scene.key("acme", PermissionSet::all()).await;
    for to in [
        "https://example.com/",
        "//example.com/console/p/",
        "/console/sign-out",
        "/v1/webhooks",
    ] {
        let fields = [("api_key", key.as_str()), ("to", to)];
        let answer = Browser::new(&scene).post("/console/sign-in", &fields).await;
        assert_eq!(answer.location(), OVERVIEW);
    }
}

#[actix_web::test]
async fn the_key_decides_what_is_shown_and_what_may_be_done() {
    let scene = Scene::new();
    let webhook = scene.webhook("acme", "Invoices").await;
    let here = format!("/console/p/acme/webhooks/{}", webhook.id);
    let nobody = scene.signed_in_for(&[]).await;
    nobody
        .get(OVERVIEW)
        .await
        .is(200)
        .hides("/console/p/acme/webhooks");
    nobody
        .get(&here)
        .await
        .is(403)
        .shows("WEBHOOK.VIEW")
        .hides("Invoices");
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    viewer
        .get(OVERVIEW)
        .await
        .shows("href=\"/console/p/acme/webhooks\"");
    viewer
        .get(&here)
        .await
        .is(200)
        .shows("Invoices")
        .hides("method=\"post\" action=\"/console/p/");
    viewer
        .get(&format!("{here}/delete"))
        .await
        .is(403)
        .shows("WEBHOOK.DELETE");
    let form = [("form", "console-0123"), ("version", "1")];
    viewer.post(&format!("{here}/delete"), &form).await.is(403);
    viewer.post(&format!("{here}/test"), &form).await.is(403);
    assert!(scene.stored("acme", webhook.id).await.is_some());
}
