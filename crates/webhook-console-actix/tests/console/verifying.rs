//! Verifying the chain of audit records, step by step.

use std::sync::Arc;

use webhook_domain::access::audit_chain::{AuditFlaw, AuditHead, AuditStep};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::ports::MockAuditLog;
use webhook_domain::services::AuditService;

use crate::browser::Browser;
use crate::headers::guarded;
use crate::scene::Scene;

const PAGE: &str = "/console/p/acme/audit/verify";

fn head(position: i64) -> AuditHead {
    AuditHead::new(position, vec![7; AuditHead::MAC_BYTES])
}

/// A console whose chain answers a step behind each of these records so.
fn chain(steps: Vec<(AuditHead, AuditStep)>) -> Scene {
    let mut log = MockAuditLog::new();
    log.expect_verify_step().returning(move |from, most| {
        assert_eq!(most, 10_000);
        let known = steps.iter().find(|(begin, _)| *begin == from);
        Ok(known.unwrap().1.clone())
    });
    Scene::with(|console| console.audit = AuditService::new(Arc::new(log)))
}

/// Whoever may verify it.
async fn auditor(scene: &Scene) -> Browser<'_> {
    let may = [Permission::AuditRecordView].into_iter().collect();
    scene.signed_in_to("*", may).await
}

#[actix_web::test]
async fn a_chain_is_verified_step_by_step_to_its_end() {
    let scene = chain(vec![
        (
            AuditHead::of_nothing(),
            AuditStep::GoesOn {
                last: head(10_000),
                newest: 12_345,
            },
        ),
        (head(10_000), AuditStep::Whole { head: head(12_345) }),
    ]);
    let mut browser = auditor(&scene).await;
    let page = browser.get(PAGE).await;
    page.is(200).shows("Verify the chain</button>").hides("<progress");
    let first = browser.send(PAGE, &Browser::fill(&page, PAGE, &[])).await;
    first
        .is(200)
        .shows("Whole up to record 10000 of 12345.")
        .shows("<progress max=\"12345\" value=\"10000\"")
        .shows("<button>Go on</button>");
    guarded(&first.text);
    let fields = Browser::fill(&first, PAGE, &[]);
    let second = browser.send(PAGE, &fields).await;
    second
        .is(200)
        .shows("The chain is whole up to its newest record, 12345.")
        .hides("Go on");
    guarded(&second.text);
    // A script is answered with what changes on the page.
    browser.says.push(("hx-request", "true".to_owned()));
    let part = browser.send(PAGE, &fields).await;
    part.is(200).shows("The chain is whole").hides("<html");
}

#[actix_web::test]
async fn where_a_chain_is_broken_is_said() {
    for (flaw, said) in [
        (AuditFlaw::Broken { position: 17 }, "Record 17 does not follow"),
        (AuditFlaw::HeadForged, "The head of the chain was changed."),
        (
            AuditFlaw::Rewritten { position: 9 },
            "Record 9 is another than it was a moment ago.",
        ),
    ] {
        let scene = chain(vec![(AuditHead::of_nothing(), AuditStep::Flawed(flaw))]);
        let browser = auditor(&scene).await;
        let answer = browser.post(PAGE, &[("from", "")]).await;
        answer
            .is(200)
            .shows("The chain is not whole.")
            .shows(said)
            .hides("Go on");
    }
}

/// Where it begins is what the store has, whatever a form says.
#[actix_web::test]
async fn a_step_begins_behind_a_record_that_is_there() {
    let scene = Scene::new();
    scene.webhook("acme", "Invoices").await;
    scene.webhook("other", "Theirs").await;
    let browser = auditor(&scene).await;
    browser
        .post(PAGE, &[("from", "")])
        .await
        .shows("The chain is whole up to its newest record, ")
        .hides("whk_")
        .hides("Theirs");
    let forged = head(2).to_string();
    browser
        .post(PAGE, &[("from", &forged)])
        .await
        .shows("Record 2 is another than it was a moment ago.");
    for wrong in ["2", "2:00", "<script>"] {
        browser.post(PAGE, &[("from", wrong)]).await.is(400);
    }
}

#[actix_web::test]
async fn a_key_of_one_platform_is_told_why_it_cannot() {
    let scene = Scene::new();
    scene.webhook("acme", "Invoices").await;
    let browser = scene.signed_in().await;
    let page = browser.get(PAGE).await;
    page.is(200)
        .shows("is for one platform")
        .hides(&format!("action=\"{PAGE}\""));
    browser
        .post(PAGE, &[("from", "")])
        .await
        .is(403)
        .shows("is for one platform")
        .hides("The chain is whole");
    browser
        .get("/console/p/acme/audit")
        .await
        .shows(&format!("href=\"{PAGE}\""));
    let others = PermissionSet::all().iter();
    let others = others.filter(|permission| *permission != Permission::AuditRecordView);
    let other = scene.signed_in_to("*", others.collect()).await;
    other.get(PAGE).await.is(403);
    other.post(PAGE, &[("from", "")]).await.is(403).hides("whole");
}
