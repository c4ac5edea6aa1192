//! A schema that a newer release has migrated: one that only adds, and one that older releases could not live with.

use std::time::Duration;

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query, sql_types::Text,
};
use webhook_tests::{
    Backend, Client, Deployment, Service, clock::wait_for, on_each_database, receiver::Receiver,
};

use crate::traffic::{arrives, becomes, deployment, publish, use_all, webhook_to};

on_each_database!(
    a_schema_that_only_adds_takes_this_release_too,
    a_schema_that_takes_newer_releases_alone_stops_this_one,
);

/// What a migration of the next release does to each table, if it only adds.
fn add_to_each_table(deployment: &Deployment) {
    const ADDED: &str = "ADD COLUMN added_later TEXT NOT NULL DEFAULT 'x'";
    match deployment.database() {
        Some(database) => database.execute(&format!(
            "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' \
             AND tablename NOT LIKE '\\_\\_%' LOOP EXECUTE format('ALTER TABLE %I {}', name); END LOOP; END $$",
            ADDED.replace('\'', "''")
        )),
        None => tables(deployment)
            .iter()
            .for_each(|table| deployment.execute(&format!("ALTER TABLE {table} {ADDED}"))),
    }
    deployment.execute("CREATE TABLE things_of_the_next_release (id BIGINT PRIMARY KEY)");
    deployment.execute("CREATE INDEX webhooks_added_later ON webhooks (added_later, id)");
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

fn tables(deployment: &Deployment) -> Vec<String> {
    let path = deployment.data().join("webhook.db");
    let mut connection = SqliteConnection::establish(&path.to_string_lossy()).expect("it is there");
    let question = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_\\_%' ESCAPE '\\' \
         AND name NOT LIKE 'sqlite%'";
    let tables: Vec<Table> = sql_query(question).load(&mut connection).expect("it has tables");
    tables.into_iter().map(|table| table.name).collect()
}

/// Notes a migration of a release of level 99, on whose schema releases from `oldest` on may run.
fn note(deployment: &Deployment, oldest: Option<i64>) {
    deployment.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')");
    deployment.execute("UPDATE audit_chain SET newest_level = 99");
    if let Some(oldest) = oldest {
        deployment.execute(&format!("UPDATE audit_chain SET schema_level = {oldest}"));
    }
}

fn a_schema_that_only_adds_takes_this_release_too(backend: Backend) {
    let mut service = Service::start_on(deployment(backend));
    // What is prepared before is used afterwards.
    use_all(&service.client());
    add_to_each_table(service.deployment());
    note(service.deployment(), None);
    use_all(&service.client());

    let second = service.deployment().serve();
    use_all(&Client::with_key(second.address(), service.key()));
    let said = second.output();
    assert!(
        said.contains("a newer release has migrated the database; this one may run on it"),
        "{said}"
    );
    second.stop();
    service.take_server().stop();
    service.start_again();
    use_all(&service.client());

    let deployment = service.deployment();
    let migrated = deployment.run(&["migrate"]);
    assert_eq!(migrated.expect_success(), "");
    let doctor = deployment.run(&["doctor"]);
    assert!(
        doctor
            .stdout
            .contains("(99991231000000, level 99), and this one may run on it"),
        "{}",
        doctor.output()
    );
    if backend == Backend::Sqlite {
        let copy = deployment.directory().join("copy.db");
        deployment
            .run(&["backup", &copy.to_string_lossy()])
            .expect_success();
    }
}

fn a_schema_that_takes_newer_releases_alone_stops_this_one(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let client = service.client();
    let receiver = Receiver::start();
    let webhook = webhook_to(&client, &receiver);
    publish(&client, 1);
    arrives(&receiver, 1);
    note(service.deployment(), Some(98));
    becomes(&client, 503);
    for request in [
        client.patch(&webhook.secret_path()),
        client
            .post("/v1/events")
            .json(&serde_json::json!({"type": "INVOICE.CREATED", "data": {}})),
        client
            .post("/v1/webhooks")
            .json(&webhook_tests::fixtures::new_webhook()),
    ] {
        request.unchecked().send().expect_status(503);
    }
    wait_for("the log says why", Duration::from_secs(30), || {
        let said = service.server().output();
        said.contains("a newer release has migrated the database; stop this process")
            .then_some(())
    });
    let refused = service.deployment().serve_in_vain();
    assert_eq!(refused.code(), 2, "{}", refused.output());
    for arguments in [
        &["migrate"][..],
        &["webhook", "list"],
        &["api-key", "list"],
        &["event", "list"],
    ] {
        let ended = service.deployment().run(arguments);
        assert_eq!(ended.code(), 2, "{}", ended.output());
        for told in [
            "99991231000000",
            "level 99",
            "level 98 and above",
            "use the newer release",
        ] {
            assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
        }
    }
    // An operator who has put the schema back needs no restart.
    service
        .deployment()
        .execute("UPDATE audit_chain SET schema_level = 21");
    becomes(&client, 200);
    publish(&client, 2);
    arrives(&receiver, 2);
}
