//! Bodies as such: their type, their size, whether they are JSON.

use crate::test_service::*;

#[actix_web::test]
async fn a_body_must_say_that_it_is_json() {
    let service = TestService::new();
    for wrong in [
        None,
        Some("text/plain"),
        Some("application/json; charset=latin1"),
        Some("application/xml"),
    ] {
        let answer = service.ask(create(CREATE).of_type(wrong)).await;
        answer.refuses(415, "UNSUPPORTED_MEDIA_TYPE", None);
    }
    for right in ["application/json", "Application/Json; Charset=UTF-8"] {
        service
            .ask(create(CREATE).of_type(Some(right)))
            .await
            .succeeds(201);
    }
    let zipped = create(CREATE).header("content-encoding", "gzip");
    service
        .ask(zipped)
        .await
        .refuses(415, "UNSUPPORTED_MEDIA_TYPE", None);
}

#[actix_web::test]
async fn a_webhook_is_not_created_from_nothing() {
    let service = TestService::new();
    service.ask(create("")).await.refuses(400, "BAD_REQUEST", None);
}

#[actix_web::test]
async fn a_body_over_the_limit_is_413() {
    let service = TestService::new();
    let exactly = |length: usize| format!("{CREATE}{}", " ".repeat(length - CREATE.len()));
    service.ask(create(&exactly(64 * 1024))).await.succeeds(201);
    let answer = service.ask(create(&exactly(64 * 1024 + 1))).await;
    answer.refuses(413, "INVALID_REQUEST", None);
}

#[actix_web::test]
async fn what_is_not_a_json_object_is_refused() {
    let service = TestService::new();
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for body in [
        &b"{"[..],
        b"null",
        b"[]",
        b"{} {}",
        b"\xEF\xBB\xBF{}",
        b"{\"name\":\"\xFF\"}",
        b"{\"name\":1e400}",
        deep.as_bytes(),
    ] {
        let answer = service.ask(create("").body(body)).await;
        answer.refuses(400, "BAD_REQUEST", None);
    }
}

#[actix_web::test]
async fn a_field_that_stands_twice_is_refused_at_any_depth() {
    let service = TestService::new();
    for (more, field) in [
        (r#","url":null"#, "url"),
        (r#","id":1,"id":1"#, "id"),
        (
            r#","penalty_box_data":{"a":[{"b":1,"b":1}]}"#,
            "penalty_box_data.a.0.b",
        ),
    ] {
        let body = CREATE.replace('}', &format!("{more}}}"));
        service
            .ask(create(&body))
            .await
            .refuses(400, "INVALID_FIELD", Some(field));
    }
}

#[actix_web::test]
async fn an_unknown_field_is_refused_and_named() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    for field in ["colour", "Name", "previous_secret_expires_in", ""] {
        let body = CREATE.replace('}', &format!(r#","{field}":1}}"#));
        service
            .ask(create(&body))
            .await
            .refuses(400, "INVALID_FIELD", Some(field));
    }
    let body = UPDATE.replace('}', r#","expires_in":1}"#);
    service
        .ask(roll(&id).body(body))
        .await
        .refuses(400, "INVALID_FIELD", Some("expires_in"));
}

#[actix_web::test]
async fn a_name_that_may_be_a_secret_is_not_repeated() {
    let service = TestService::new();
    let (id, _) = service.webhook().await;
    let long = "x".repeat(1000);
    for secret in ["whsec_qL8mZr0cXn4FvT2yHs6J", "hunter2hunter2", &long] {
        for more in [
            format!(r#","{secret}":1"#),
            format!(r#","penalty_box_data":{{"{secret}":1,"{secret}":1}}"#),
            format!(r#","penalty_box_data":{{"{secret}":[{{"a":1,"a":1}}]}}"#),
        ] {
            let answer = service
                .ask(create(&CREATE.replace('}', &format!("{more}}}"))))
                .await;
            answer.refuses(400, "INVALID_FIELD", None);
            assert!(
                !answer.text("message").contains(secret),
                "{}",
                answer.text("message")
            );
        }
        let answer = service.ask(read(&format!("{id}?{secret}=1"))).await;
        answer.refuses(400, "INVALID_FIELD", None);
        assert!(
            !answer.text("message").contains(secret),
            "{}",
            answer.text("message")
        );
    }
}
