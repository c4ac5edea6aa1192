//! Roles with no more rights than serving needs.

use webhook_tests::{Backend, Deployment};

#[test]
fn a_role_that_may_create_nothing_serves_a_schema_that_its_owner_has_migrated() {
    let mut deployment = Deployment::new(Backend::Postgres);
    deployment.run(&["migrate"]).expect_success();
    let database = deployment.database().expect("it is on PostgreSQL");
    let name = database.url().rsplit('/').next().expect("a name").to_owned();
    let role = format!("{name}_runs");
    for statement in [
        format!("CREATE ROLE {role} LOGIN PASSWORD 'runs'"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC".to_owned(),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
        format!("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}"),
    ] {
        database.execute(&statement);
    }
    let mut url = url::Url::parse(database.url()).expect("a URL");
    url.set_username(&role).expect("a URL has users");
    url.set_password(Some("runs")).expect("a URL has passwords");
    deployment.set("WEBHOOK_DATABASE_URL", url.as_str());
    let server = deployment.serve();
    deployment.create_key("default", &["WEBHOOK.VIEW"], &[]);
    server.stop();
    let database = deployment.database().expect("it is on PostgreSQL");
    database.execute(&format!("DROP OWNED BY {role}"));
    database.execute(&format!("DROP ROLE {role}"));
}
