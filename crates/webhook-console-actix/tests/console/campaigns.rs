//! Campaigns: planned, begun, followed, stopped.

use webhook_domain::access::permission::Permission;

use crate::browser::Browser;
use crate::headers::guarded;
use crate::scene::Scene;

const LIST: &str = "/console/p/acme/campaigns";
const START: &str = "/console/p/acme/campaigns/start";

#[actix_web::test]
async fn a_campaign_is_planned_begun_followed_and_stopped() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    browser.get(LIST).await.is(200).shows("There was none yet");
    let webhook = scene.webhook("acme", "Invoices").await;
    scene.webhook("acme", "Payments").await;
    let plan = browser
        .get_through(&format!(
            "{LIST}/plan?count=yes&all=yes&spread=3600&overlap=86400"
        ))
        .await;
    plan.is(200)
        .shows("<strong>2</strong> webhooks would be rolled")
        .shows(&webhook.id.to_string());
    guarded(&plan.text);
    browser.get(LIST).await.shows("There was none yet");
    let fields = Browser::fill(&plan, START, &[]);
    let begun = browser.send(START, &fields).await.location().to_owned();
    // A double click begins it once.
    assert_eq!(browser.send(START, &fields).await.location(), begun);
    let here = begun.split('?').next().unwrap().to_owned();
    let page = browser.get(&begun).await;
    page.is(200)
        .shows("The campaign has begun.")
        .shows("<progress max=\"2\" value=\"0\"")
        .shows("aria-live=\"polite\"")
        .shows(&format!("hx-get=\"{here}/progress\""))
        .shows(&webhook.id.to_string())
        .shows("not yet")
        // There is no new key yet that could be adopted.
        .hides("<span class=\"quiet\">not yet</span>");
    guarded(&page.text);
    let overview = browser.get("/console/p/acme/").await;
    overview.shows(&format!("<a href=\"{here}\">"));
    assert_eq!(
        browser.get(LIST).await.text.matches("<th scope=\"row\">").count(),
        1
    );
    // Without script the part leads to the whole.
    assert_eq!(browser.get(&format!("{here}/progress")).await.location(), here);

    let action = format!("{here}/stop");
    let page = browser.get_through(&action).await;
    let fields = Browser::fill(&page, &action, &[]);
    for _ in 0..2 {
        let stopped = browser.send(&action, &fields).await;
        assert_eq!(stopped.location(), format!("{here}?done=campaign-stopped"));
    }
    let page = browser.get(&here).await;
    page.shows("stopped")
        .shows("somebody asked for it")
        .hides("hx-get")
        .hides("/stop\"");
    let mut script = Browser::new(&scene);
    script.cookie.clone_from(&browser.cookie);
    script.says.push(("hx-request", "true".to_owned()));
    let part = script.get(&format!("{here}/progress")).await;
    part.is(200).shows("<progress").hides("<html").hides("hx-get");
}

#[actix_web::test]
async fn nothing_is_begun_of_another_number_of_webhooks_than_was_counted() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    scene.webhook("acme", "Invoices").await;
    let plan = browser
        .get_through(&format!("{LIST}/plan?count=yes&all=yes&spread=0"))
        .await;
    let fields = Browser::fill(&plan, START, &[]);
    scene.webhook("acme", "Payments").await;
    browser.send(START, &fields).await.is(400).shows("must be 2");
    browser.get(LIST).await.shows("There was none yet");
}

#[actix_web::test]
async fn a_plan_says_what_is_wrong_beside_its_field() {
    let scene = Scene::new();
    let browser = scene.signed_in().await;
    scene.webhook("acme", "Invoices").await;
    let plan = async |query: &str| browser.get(&format!("{LIST}/plan?count=yes&{query}")).await;
    plan("")
        .await
        .is(200)
        .shows("id=\"all-wrong\"")
        .hides("would be rolled");
    plan("all=yes&active=true").await.shows("id=\"all-wrong\"");
    plan("all=yes&stop_after=0")
        .await
        .shows("id=\"stop_after-wrong\"");
    plan("rolled_before=%3Cb%3E")
        .await
        .shows("id=\"rolled_before-wrong\"")
        .shows("&#60;b&#62;");
    let none = browser
        .get_through(&format!("{LIST}/plan?count=yes&active=false"))
        .await;
    none.shows("No webhook meets these conditions").hides(START);
    let at_once = browser
        .get_through(&format!("{LIST}/plan?count=yes&all=yes&overlap=0"))
        .await;
    at_once.shows("The retired keys end at once");
}

#[actix_web::test]
async fn permissions_decide_what_can_be_done_to_a_campaign() {
    let scene = Scene::new();
    scene.webhook("acme", "Invoices").await;
    let all = scene.signed_in().await;
    let plan = all.get_through(&format!("{LIST}/plan?count=yes&all=yes")).await;
    let fields = Browser::fill(&plan, START, &[]);
    let viewer = scene.signed_in_for(&[Permission::WebhookView]).await;
    viewer.get(LIST).await.is(200).hides("/plan\"");
    viewer.get(&format!("{LIST}/plan")).await.is(403);
    viewer.send(START, &fields).await.is(403).shows("WEBHOOK.UPDATE");
    let here = all
        .send(START, &fields)
        .await
        .location()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    viewer.get(&here).await.is(200).hides("/stop\"");
    viewer.get(&format!("{here}/stop")).await.is(403);
    // Another platform's is as an unknown one.
    let other = scene
        .signed_in_to("other", webhook_domain::access::permission::PermissionSet::all())
        .await;
    let id = here.rsplit('/').next().unwrap();
    let key = format!("form=console-{}", "0".repeat(26));
    for path in ["", "/progress", "/stop"] {
        let theirs = other
            .get(&format!("/console/p/other/campaigns/{id}{path}?{key}"))
            .await;
        let unknown = format!("/console/p/other/campaigns/rot_01hv9k2m4rt6w8y0abcdefghjk{path}?{key}");
        assert_eq!(theirs.is(404).text, other.get(&unknown).await.is(404).text);
        other.get(&format!("{here}{path}")).await.is(404);
    }
    let stop = format!("/console/p/other/campaigns/{id}/stop");
    other.post(&stop, &[("form", "console-0123")]).await.is(404);
    all.get(&here).await.shows("running");
}
