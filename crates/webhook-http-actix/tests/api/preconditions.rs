//! `If-Match`.

use crate::test_service::*;

#[actix_web::test]
async fn a_change_is_made_only_to_the_version_that_if_match_names() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for condition in ["\"2\"", "W/\"1\"", "\"01\"", "\"else\"", "\"2\", \"3\""] {
        for ask in [roll, remove, delete, |id: &str| update(id, UPDATE)] {
            let answer = service.ask(ask(&id).header("if-match", condition)).await;
            answer.refuses(412, "INVALID_REQUEST", None);
        }
    }
    service
        .ask(roll(&id).header("if-match", "\"1\""))
        .await
        .succeeds(200);
    service
        .ask(roll(&id).header("if-match", "\"1\""))
        .await
        .refuses(412, "INVALID_REQUEST", None);
    service.ask(roll(&id).header("if-match", "*")).await.succeeds(200);
    service
        .ask(remove(&id).header("if-match", "\"7\" , \"3\""))
        .await
        .succeeds(200);
}

#[actix_web::test]
async fn a_condition_that_is_no_entity_tag_is_refused() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for garbage in ["", "1", "\"1", "*, \"1\"", "w/\"1\""] {
        for ask in [roll(&id), update(&id, UPDATE), delete(&id)] {
            let answer = service.ask(ask.header("if-match", garbage)).await;
            answer.refuses(400, "INVALID_FIELD", Some("If-Match"));
        }
    }
}

#[actix_web::test]
async fn a_weak_entity_tag_is_refused_with_what_has_weakened_it() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for weak in ["W/\"1\"", "W/\"7\", W/\"1\""] {
        let answer = service.ask(roll(&id).header("if-match", weak)).await;
        answer.refuses(412, "INVALID_REQUEST", None);
        assert!(
            answer.text("message").contains("a proxy"),
            "{}",
            answer.text("message")
        );
    }
    service
        .ask(roll(&id).header("if-match", "W/\"1\", \"1\""))
        .await
        .succeeds(200);
}
