//! A PostgreSQL that says in another language than English what is wrong.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use serde_json::json;
use webhook_tests::{Deployment, Service, fixtures::create, postgres::Cluster};

const WARNING: &str = "may be in another language than English";

/// A cluster whose messages are in German.
fn german() -> (Cluster, tempfile::TempDir) {
    let locales = tempfile::tempdir().expect("a temporary directory");
    let made = Command::new("localedef")
        .args(["--no-archive", "-i", "de_DE", "-f", "UTF-8"])
        .arg(locales.path().join("de_DE.UTF-8"))
        .status();
    assert!(
        made.expect("localedef runs").success(),
        "a German locale can be made"
    );
    // PostgreSQL's user reads it.
    let readable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(locales.path(), readable).expect("rights can be set");
    let path = locales.path().to_string_lossy().into_owned();
    let cluster = Cluster::private_with(&["lc_messages=de_DE.UTF-8"], &[("LOCPATH", &path)]);
    (cluster, locales)
}

/// Has PostgreSQL refuse a webhook of this name as a value that it cannot take.
const REFUSES: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF NEW.name = 'refused' THEN PERFORM convert_from('\\xff'::bytea, 'UTF8'); END IF; RETURN NEW; END $$";

#[track_caller]
fn answer_to_a_refused_value(service: &Service) -> u16 {
    let body = json!({"name": "refused", "reference": null, "url": null});
    let answer = service
        .client()
        .post("/v1/webhooks")
        .json(&body)
        .unchecked()
        .send();
    create(&service.client());
    answer.status
}

#[test]
fn a_refused_value_is_told_from_a_failure_where_the_server_speaks_german() {
    let (cluster, _locales) = german();
    let deployment = Deployment::on_cluster(&cluster);
    let mut service = Service::start_on(deployment);
    let said = service.server().output();
    assert!(said.contains(WARNING) && said.contains("de_DE.UTF-8"), "{said}");
    let database = service.deployment().database().expect("it is on PostgreSQL");
    database.execute(REFUSES);
    database
        .execute("CREATE TRIGGER refuse BEFORE INSERT ON webhooks FOR EACH ROW EXECUTE FUNCTION refuse()");
    assert_eq!(answer_to_a_refused_value(&service), 503, "that is why it warns");
    let said = service.server().output();
    assert!(said.contains("Byte-Sequenz"), "the server speaks German: {said}");

    for (statement, undo) in [
        (
            "ALTER ROLE webhook SET lc_messages = 'C'",
            "ALTER ROLE webhook RESET lc_messages",
        ),
        // Of PostgreSQL 15 and later.
        (
            "GRANT SET ON PARAMETER lc_messages TO webhook",
            "REVOKE SET ON PARAMETER lc_messages FROM webhook",
        ),
    ] {
        let database = service.deployment().database().expect("it is on PostgreSQL");
        database.execute(statement);
        service.take_server().stop();
        service.start_again();
        let said = service.server().output();
        assert!(!said.contains(WARNING), "{statement}: {said}");
        assert_eq!(answer_to_a_refused_value(&service), 500, "{statement}");
        let database = service.deployment().database().expect("it is on PostgreSQL");
        database.execute(undo);
    }
}
