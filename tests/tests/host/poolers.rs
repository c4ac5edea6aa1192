//! PgBouncer between the service and PostgreSQL.

use webhook_tests::{
    Backend, Deployment, Service,
    fixtures::{create, get, roll},
    postgres::{Database, pooler::Pooler},
    server::Ended,
};

fn behind(mode: &str, deployment: &mut Deployment) -> Pooler {
    let database: &Database = deployment.database().expect("it is on PostgreSQL");
    let pooler = Pooler::start(database, mode);
    deployment.set("WEBHOOK_DATABASE_URL", pooler.url());
    pooler
}

#[track_caller]
fn names_the_pooler(ended: &Ended, code: i32) {
    assert_eq!(ended.code(), code, "{}", ended.output());
    assert!(
        ended.output().contains("a pooler in session mode"),
        "{}",
        ended.output()
    );
}

#[test]
fn a_pooler_in_transaction_mode_is_refused_on_a_schema_that_is_there() {
    let mut deployment = Deployment::new(Backend::Postgres);
    deployment.run(&["migrate"]).expect_success();
    let _pooler = behind("transaction", &mut deployment);
    names_the_pooler(&deployment.serve_in_vain(), 2);
    names_the_pooler(&deployment.run(&["migrate"]), 2);
    names_the_pooler(&deployment.run(&["api-key", "list"]), 2);
    names_the_pooler(&deployment.run(&["doctor"]), 1);
}

#[test]
fn a_pooler_in_transaction_mode_is_refused_before_anything_is_made() {
    let mut deployment = Deployment::new(Backend::Postgres);
    let before = deployment.database().expect("it is on PostgreSQL").dump();
    let _pooler = behind("transaction", &mut deployment);
    names_the_pooler(&deployment.serve_in_vain(), 2);
    assert_eq!(deployment.database().expect("it is on PostgreSQL").dump(), before);
}

#[test]
fn a_pooler_in_session_mode_is_as_good_as_none() {
    let mut deployment = Deployment::new(Backend::Postgres);
    let _pooler = behind("session", &mut deployment);
    let service = Service::start_on(deployment);
    let webhook = create(&service.client());
    let rolled = roll(&service.client(), &webhook);
    assert_eq!(get(&service.client(), &webhook), rolled);
    let report = service.deployment().run(&["doctor"]);
    assert!(!report.output().contains("pooler"), "{}", report.output());
}
