//! What changes something is sent by the console's own pages.

use crate::browser::Browser;
use crate::scene::Scene;
use webhook_domain::access::permission::PermissionSet;

/// What a sign-in is answered, made by a browser at `host` that says this.
async fn sign_in(scene: &Scene, host: &str, says: &[(&'static str, &str)]) -> u16 {
    let (key, _) = scene.key("acme", PermissionSet::all()).await;
    let mut browser = Browser::new(scene);
    browser.host = host.to_owned();
    browser.says = says
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    browser
        .post("/console/sign-in", &[("api_key", &key)])
        .await
        .status
}

#[actix_web::test]
async fn a_browser_that_says_where_a_form_comes_from_is_believed() {
    let scene = Scene::new();
    for (site, status) in [
        ("same-origin", 303),
        ("same-site", 403),
        ("cross-site", 403),
        ("none", 403),
        ("", 403),
    ] {
        for host in ["localhost:8080", "hooks.example.com"] {
            assert_eq!(
                sign_in(&scene, host, &[("sec-fetch-site", site)]).await,
                status,
                "{site}"
            );
        }
    }
    // It is the browser's word that counts, and not what stands beside it.
    let both = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "http://localhost:8080"),
    ];
    assert_eq!(sign_in(&scene, "localhost:8080", &both).await, 403);
}

#[actix_web::test]
async fn an_older_browser_must_name_the_own_origin() {
    let scene = Scene::new();
    for (host, origin, status) in [
        ("localhost:8080", "http://localhost:8080", 303),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", 303),
        ("[::1]:8080", "http://[::1]:8080", 303),
        ("localhost:8080", "http://localhost:9090", 403),
        ("localhost:8080", "https://localhost:8080", 403),
        ("localhost:8080", "null", 403),
        // Without a public URL nobody knows whether this is the own one.
        ("hooks.example.com", "http://hooks.example.com", 403),
        ("hooks.example.com", "https://hooks.example.com", 403),
    ] {
        assert_eq!(
            sign_in(&scene, host, &[("origin", origin)]).await,
            status,
            "{origin}"
        );
    }
    assert_eq!(sign_in(&scene, "localhost:8080", &[]).await, 403);
}

#[actix_web::test]
async fn the_public_url_is_the_own_origin() {
    let scene = Scene::at("https://hooks.example.com");
    for (origin, status) in [
        ("https://hooks.example.com", 303),
        ("http://hooks.example.com", 403),
        ("https://hooks.example.com:8443", 403),
        ("http://10.0.0.1:8080", 403),
    ] {
        // What a proxy in between calls the host does not matter.
        assert_eq!(
            sign_in(&scene, "10.0.0.1:8080", &[("origin", origin)]).await,
            status,
            "{origin}"
        );
    }
}

#[actix_web::test]
async fn a_refused_form_changes_nothing() {
    let scene = Scene::new();
    let mut browser = scene.signed_in().await;
    let webhook = scene.webhook("acme", "Invoices").await;
    let action = format!("/console/p/acme/webhooks/{}/delete", webhook.id);
    let page = browser.get_through(&action).await;
    let fields = Browser::fill(&page, &action, &[]);
    browser.says = vec![("sec-fetch-site", "cross-site".to_owned())];
    browser.send(&action, &fields).await.is(403);
    assert!(scene.stored("acme", webhook.id).await.is_some());
    browser.says = vec![("sec-fetch-site", "same-origin".to_owned())];
    browser.send(&action, &fields).await.is(303);
    assert!(scene.stored("acme", webhook.id).await.is_none());
}

#[actix_web::test]
async fn the_key_of_a_form_is_good_for_that_form_and_that_caller_alone() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    let (one, other) = (
        scene.webhook("acme", "Invoices").await,
        scene.webhook("acme", "Archive").await,
    );
    let roll = |id| format!("/console/p/acme/webhooks/{id}/roll");
    let page = browser.get_through(&roll(one.id)).await;
    let fields = Browser::fill(&page, &roll(one.id), &[]);
    browser.send(&roll(one.id), &fields).await.is(200);
    // The same bytes at another address are another form.
    let elsewhere = browser.send(&roll(other.id), &fields).await;
    elsewhere.is(409).hides("Changed meanwhile").hides("whsec_");
    assert_eq!(
        scene.stored("acme", other.id).await.unwrap().version,
        other.version
    );
    // To somebody else they are not answered with what was done for the first.
    let stranger = scene.signed_in().await;
    let theirs = stranger.send(&roll(one.id), &fields).await;
    theirs.is(409).shows("Changed meanwhile").hides("whsec_");
}
