//! Databases that are out of reach, not durable, of another release, without rights, or with values that do not open.

use std::time::Duration;

use webhook_tests::{Backend, Deployment, Service, fixtures::create, on_each_database};

use crate::{Report, doctor};

on_each_database!(
    a_schema_of_another_release_is_told,
    a_sealed_value_that_does_not_open_fails,
);

/// What the steps of a connection that is refused take together.
const SOON: Duration = Duration::from_secs(20);

fn stopped(backend: Backend) -> Service {
    let mut service = Service::start(backend);
    create(&service.client());
    service.take_server().stop();
    service
}

fn a_schema_of_another_release_is_told(backend: Backend) {
    let service = stopped(backend);
    let deployment = service.deployment();
    deployment.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999999999')");
    let report = doctor(deployment, &[]);
    report.expect_failures(0, &[]);
    report.expect("database.schema", "OK", "this one may run on it");
    assert_eq!(report.status("deliveries"), "OK", "it is read like one's own");
    deployment.execute("UPDATE audit_chain SET newest_level = 99, schema_level = 98");
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database.schema"]);
    report.expect("database.schema", "FAIL", "migration 99999999999999");
    report.expect("database.schema", "FAIL", "level 98 and above");
    deployment.execute("DELETE FROM __diesel_schema_migrations WHERE version = '99999999999999'");
    deployment.execute(
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
    );
    let report = doctor(deployment, &[]);
    report.expect_failures(0, &[]);
    report.expect("database.schema", "WARN", "1 migration to be applied");
    assert!(
        report.checks("deliveries").is_empty(),
        "what is not of this release is not read"
    );
}

fn a_sealed_value_that_does_not_open_fails(backend: Backend) {
    let service = stopped(backend);
    let deployment = service.deployment();
    let cut = match backend {
        Backend::Sqlite => "UPDATE webhooks SET key_ring = replace(key_ring, '0', '1')",
        Backend::Postgres => {
            "UPDATE webhooks SET key_ring = overlay(key_ring PLACING '\\x00'::bytea FROM length(key_ring) - 20)"
        }
    };
    deployment.execute(cut);
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database.master_key"]);
    report.expect("database.master_key", "FAIL", "key_ring");
}

#[test]
fn a_server_that_is_not_there_fails_soon_and_the_rest_is_checked() {
    for url in [
        "postgres://u:hunter2@127.0.0.1:1/none",
        "postgres://u:hunter2@name.invalid/none",
    ] {
        let deployment = Deployment::new(Backend::Postgres).with("WEBHOOK_DATABASE_URL", url);
        let report = doctor(&deployment, &[]);
        report.expect_failures(1, &["database"]);
        assert!(report.ended.took < SOON, "{:?}", report.ended.took);
        assert_eq!(report.status("listen"), "OK");
        assert!(
            !report.ended.output().contains("hunter2"),
            "{}",
            report.ended.output()
        );
    }
    let deployment = Deployment::new(Backend::Postgres);
    let url = deployment
        .setting("WEBHOOK_DATABASE_URL")
        .expect("it is set")
        .to_owned();
    let deployment = deployment.with("WEBHOOK_DATABASE_URL", &format!("{url}_none"));
    doctor(&deployment, &[]).expect_failures(1, &["database"]);
    let mut deployment = deployment.with("WEBHOOK_DATABASE_URL", &url);
    deployment.unset("WEBHOOK_MASTER_KEY");
    let report = doctor(&deployment, &[]);
    report.expect_failures(1, &["database.master_key"]);
    report.expect(
        "database.master_key",
        "FAIL",
        "WEBHOOK_MASTER_KEY or WEBHOOK_MASTER_KEY_FILE must be set",
    );
}

#[test]
fn a_server_that_may_forget_or_takes_reads_alone_fails() {
    let service = stopped(Backend::Postgres);
    let deployment = service.deployment();
    let database = deployment.database().expect("it is on PostgreSQL");
    database.execute("ALTER DATABASE {database} SET synchronous_commit = off");
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database.durability"]);
    report.expect(
        "database.durability",
        "FAIL",
        "PostgreSQL has synchronous_commit = off",
    );
    database.execute("ALTER DATABASE {database} RESET synchronous_commit");
    database.execute("ALTER DATABASE {database} SET default_transaction_read_only = on");
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database"]);
    report.expect("database", "FAIL", "takes reads alone");
}

#[test]
fn what_a_role_lacks_is_named() {
    let service = stopped(Backend::Postgres);
    let deployment = service.deployment();
    let database = deployment.database().expect("it is on PostgreSQL");
    let role = format!("{}_looks", database.url().rsplit('/').next().expect("a name"));
    let mut url = url::Url::parse(database.url()).expect("a URL");
    url.set_username(&role).expect("a URL has users");
    url.set_password(Some("looks")).expect("a URL has passwords");
    database.execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'looks' CONNECTION LIMIT 5"
    ));
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    let look = || {
        let mut command = deployment.command(&["doctor"]);
        command.env("WEBHOOK_DATABASE_URL", url.as_str());
        Report::of(command)
    };
    let report = look();
    let outcome = std::panic::catch_unwind(|| {
        report.expect_failures(1, &["database.rights"]);
        report.expect(
            "database.rights",
            "FAIL",
            &format!("role {role} lacks DELETE on api_keys"),
        );
        report.expect("database.sessions", "WARN", "more sessions");
        for right in [
            "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES",
            "USAGE, SELECT ON ALL SEQUENCES",
        ] {
            database.execute(&format!("GRANT {right} IN SCHEMA public TO {role}"));
        }
        let report = look();
        report.expect_failures(0, &[]);
        report.expect("database.rights", "OK", "migrating is another role's");
        database.execute(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
        database.execute("DELETE FROM __diesel_schema_migrations WHERE version > '20261129'");
        look().expect("database.rights", "FAIL", "may not make or change tables");
    });
    database.execute(&format!("DROP OWNED BY {role}"));
    database.execute(&format!("DROP ROLE {role}"));
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
