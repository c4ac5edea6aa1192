//! Reading what was done: who may, and of which platform.

use std::sync::Arc;

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::audit_chain::{AuditHead, AuditStep};
use webhook_domain::access::permission::Permission;
use webhook_domain::ports::{AuditQuery, MockAuditLog};
use webhook_domain::services::{AuditService, CreateWebhook, WebhookService};
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::{Refusal, ServiceError, StoreError};

#[tokio::test]
async fn without_the_permission_the_log_is_not_asked() {
    let mut log = MockAuditLog::new();
    log.expect_list().never();
    let all_others = Permission::ALL
        .iter()
        .copied()
        .filter(|permission| *permission != Permission::AuditRecordView);
    let acting = fixtures::acting_with(&fixtures::acme(), &Vec::from_iter(all_others));
    match AuditService::new(Arc::new(log))
        .list(&acting, AuditQuery::newest(10))
        .await
    {
        Err(ServiceError::Refused(Refusal::NotPermitted { permission })) => {
            assert_eq!(permission, Permission::AuditRecordView);
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_log_is_asked_what_the_caller_asks_on_the_callers_platform() {
    let query = AuditQuery {
        action: Some(AuditAction::SecretRolled),
        ..AuditQuery::of_resource("whk_01hv9k2m4rt6w8y0abcdefghjk", 3)
    };
    let mut log = MockAuditLog::new();
    let expected = query.clone();
    log.expect_list()
        .withf(move |platform, query| *platform == fixtures::acme() && *query == expected)
        .once()
        .returning(|_, _| Err(StoreError::Overloaded));
    let acting = fixtures::acting_with(&fixtures::acme(), &[Permission::AuditRecordView]);
    let result = AuditService::new(Arc::new(log)).list(&acting, query).await;
    let failed = matches!(result, Err(ServiceError::Store(StoreError::Overloaded)));
    assert!(failed, "{result:?}");
}

#[tokio::test]
async fn what_was_done_on_another_platform_is_not_among_the_records() {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let webhooks = WebhookService::new(store.clone(), clock, Arc::new(SeededEntropy::default()));
    let other = fixtures::platform("other");
    for platform in [&fixtures::acme(), &other, &other] {
        let create = CreateWebhook {
            settings: fixtures::bare_settings(),
            idempotent: None,
        };
        webhooks
            .create(&fixtures::acting(platform), create)
            .await
            .unwrap();
    }
    let service = AuditService::new(store);
    let counted = async |acting| {
        let records = service.list(&acting, AuditQuery::newest(10)).await.unwrap();
        assert!(records.iter().all(|record| record.platform == *acting.platform()));
        records.len()
    };
    assert_eq!(counted(fixtures::acting(&fixtures::acme())).await, 1);
    assert_eq!(counted(fixtures::acting(&other)).await, 2);
    // Good for all platforms, the operator still looks at one at a time.
    assert_eq!(counted(fixtures::operator(&fixtures::acme())).await, 1);
}

#[tokio::test]
async fn the_chain_is_verified_by_those_who_may_see_records_of_all_platforms() {
    let service = AuditService::new(Arc::new(MemoryStore::new()));
    let (nothing, acme) = (AuditHead::of_nothing(), fixtures::acme());
    let whole = service.verify(&fixtures::operator(&acme), nothing.clone()).await;
    assert_eq!(
        whole.unwrap(),
        AuditStep::Whole {
            head: nothing.clone()
        }
    );
    let of_one = service.verify(&fixtures::acting(&acme), nothing.clone()).await;
    assert!(matches!(
        of_one.unwrap_err(),
        ServiceError::Refused(Refusal::OtherPlatform)
    ));
    let others = fixtures::acting_with(&acme, &[Permission::WebhookView]);
    assert!(matches!(
        service.verify(&others, nothing).await.unwrap_err(),
        ServiceError::Refused(Refusal::NotPermitted { .. })
    ));
}
