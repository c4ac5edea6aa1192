//! Migrating on PostgreSQL while a server serves, somebody else holds a table, and a process that migrates is killed.

use std::{
    io::Read as _,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection as _, PgConnection, connection::SimpleConnection as _};
use webhook_tests::{Backend, Deployment, Service, clock::wait_for, fixtures::create, server::run};

use crate::traffic::{deployment, use_all};

/// A migration that changes a table which every roll uses, as it was before.
const UNDO: [&str; 2] = [
    "ALTER TABLE audit_chain DROP COLUMN newest_level",
    "DELETE FROM __diesel_schema_migrations WHERE version = '20261129000036'",
];
/// What the log says of an attempt that has to wait.
const WAITS: &str = "a migration has to wait for a table that others use";
const PATIENCE: Duration = Duration::from_secs(60);

/// `webhook-server migrate`, under way.
struct Migrating {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Migrating {
    fn start(deployment: &Deployment) -> Self {
        let mut command = deployment.command(&["migrate"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let said = Arc::<Mutex<String>>::default();
        let (told, mut stderr) = (Arc::clone(&said), child.stderr.take().expect("a pipe"));
        thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut some) {
                told.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&some[..count]));
            }
        });
        Self { child, said }
    }

    /// How often it had to wait.
    fn waited(&self) -> usize {
        self.said.lock().unwrap().matches(WAITS).count()
    }

    fn end(mut self) -> String {
        let status = wait_for("it ends", PATIENCE, || {
            self.child.try_wait().expect("a child can be waited for")
        });
        assert!(status.success(), "{}", self.said.lock().unwrap());
        let mut applied = String::new();
        let mut stdout = self.child.stdout.take().expect("a pipe");
        stdout.read_to_string(&mut applied).expect("text");
        applied
    }
}

#[test]
fn a_migration_waits_beside_a_server_that_serves_and_a_killed_one_is_made_up_for() {
    let service = Service::start_on(deployment(Backend::Postgres));
    let client = service.client();
    let webhook = create(&client);
    let at_once = format!("{}?previous_secret_expires_in=0", webhook.secret_path());
    let deployment = service.deployment();
    UNDO.iter().for_each(|statement| deployment.execute(statement));
    let database = deployment.database().expect("it is on PostgreSQL");
    let mut backup = PgConnection::establish(database.admin_url()).expect("PostgreSQL");
    backup
        .batch_execute("SET application_name = 'nightly dump'; BEGIN; SELECT count(*) FROM audit_chain")
        .expect("it reads");

    let mut killed = Migrating::start(deployment);
    wait_for("it waits", PATIENCE, || (killed.waited() > 0).then_some(()));
    killed.child.kill().expect("it runs");
    killed.child.wait().expect("it ends");

    let migrating = Migrating::start(deployment);
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    while migrating.waited() < 2 {
        assert!(began.elapsed() < PATIENCE, "{}", migrating.said.lock().unwrap());
        let asked = Instant::now();
        client.patch(&at_once).send().expect_status(200);
        slowest = slowest.max(asked.elapsed());
    }
    let said = migrating.said.lock().unwrap().clone();
    assert!(said.contains("nightly dump"), "{said}");
    backup.batch_execute("COMMIT").expect("it ends");
    let applied = migrating.end();
    assert!(applied.contains("20261129000036"), "{applied}");
    // A roll waits for an attempt of the migration, not for the dump.
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    use_all(&client);
}

#[test]
fn a_standby_and_a_role_that_does_not_own_the_tables_are_told() {
    let mut service = Service::start_on(deployment(Backend::Postgres));
    service.take_server().stop();
    let deployment = service.deployment();
    UNDO.iter().for_each(|statement| deployment.execute(statement));
    let database = deployment.database().expect("it is on PostgreSQL");
    let mut url = url::Url::parse(database.url()).expect("a URL");
    url.set_query(Some("options=-cdefault_transaction_read_only%3Don"));
    let migrate_at = |url: &url::Url| {
        let mut command = deployment.command(&["migrate"]);
        command.env("WEBHOOK_DATABASE_URL", url.as_str());
        run(command, PATIENCE)
    };
    let ended = migrate_at(&url);
    assert_eq!(ended.code(), 1, "{}", ended.output());
    assert!(
        ended.stderr.contains("the server takes reads alone"),
        "{}",
        ended.stderr
    );

    let role = format!("{}_uses", database.url().rsplit('/').next().expect("a name"));
    let mut url = url::Url::parse(database.url()).expect("a URL");
    url.set_username(&role).expect("a URL has users");
    url.set_password(Some("uses")).expect("a URL has passwords");
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'uses'"));
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    database.execute(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"));
    let ended = migrate_at(&url);
    database.execute(&format!("DROP OWNED BY {role}"));
    database.execute(&format!("DROP ROLE {role}"));
    assert_eq!(ended.code(), 2, "{}", ended.output());
    assert!(
        ended
            .stderr
            .contains("run `webhook-server migrate` as the role that owns it"),
        "{}",
        ended.stderr
    );
    let applied = deployment.run(&["migrate"]);
    assert!(applied.expect_success().contains("20261129000036"));
}
