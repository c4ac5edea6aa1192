//! The document and the page that shows it, as anybody gets them.

use std::io::Read as _;

use flate2::read::GzDecoder;
use regex::Regex;

use crate::test_service::*;

#[actix_web::test]
async fn the_document_is_served_to_anybody() {
    let service = TestService::new();
    let served = service.ask_as(None, get("/openapi.json")).await;
    assert_eq!(served.status, 200);
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.body, webhook_http_actix::openapi_json().as_bytes());
    assert_eq!(served.json()["openapi"], "3.1.0");
}

/// A body as a browser sees it.
fn uncompressed(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    match answer.header("content-encoding") {
        Some("gzip") => {
            GzDecoder::new(answer.body.as_slice())
                .read_to_end(&mut plain)
                .unwrap();
        }
        _ => plain.clone_from(&answer.body),
    }
    plain
}

#[actix_web::test]
async fn the_page_comes_whole_from_the_server_and_may_load_nothing_from_elsewhere() {
    let service = TestService::new();
    let folder = service.ask_as(None, get("/docs")).await;
    assert_eq!((folder.status, folder.header("location")), (308, Some("/docs/")));
    let page = service.ask_as(None, get("/docs/")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    let html = String::from_utf8(uncompressed(&page)).unwrap();
    let parts = Regex::new(r#"(?:src|href)="([^"]+)""#).unwrap();
    let mut count = 0;
    for part in parts.captures_iter(&html) {
        let name = part[1].trim_start_matches("./").to_owned();
        assert!(!name.contains("//"), "{name}");
        let answer = service.ask_as(None, get(format!("/docs/{name}"))).await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        count += 1;
    }
    assert!(count >= 4, "{html}");
    let starts = service.ask_as(None, get("/docs/swagger-initializer.js")).await;
    assert!(
        String::from_utf8(uncompressed(&starts))
            .unwrap()
            .contains("/openapi.json")
    );
    service
        .ask_as(None, get("/docs/nothing"))
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
    service
        .ask_as(None, get("/docs/../Cargo.toml"))
        .await
        .refuses(404, "RESOURCE_NOT_FOUND", None);
}
