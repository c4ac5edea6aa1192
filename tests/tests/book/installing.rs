//! `docs/operating/install.md` and `docs/postgresql.md`, on a PostgreSQL of their own.
//!
//! What changes the machine is left out: packages, units, Prometheus. The rest is run as it stands, in folders of the test.

use std::{fs, path::Path};

use webhook_tests::{
    Backend, Deployment, Server, book,
    postgres::{Cluster, programs, random_hex},
};

use crate::reader::Reader;

/// A reader on a machine with a fresh PostgreSQL, whose administrator needs no password, as on Debian.
fn on_a_machine_with_postgresql<'a>(place: &'a Deployment, cluster: &Cluster) -> Reader<'a> {
    let mut reader = Reader::of(place);
    let admin = cluster.admin();
    // `runuser -l postgres -c COMMAND`.
    let password = admin.password().unwrap_or_default();
    reader.program(
        "runuser",
        &format!("PGUSER=postgres PGPASSWORD={password} exec sh -c \"$4\"\n"),
    );
    reader.set("PGHOST", "127.0.0.1");
    reader.set("PGPORT", &admin.port().expect("a port").to_string());
    let home = place.directory().to_string_lossy().into_owned();
    reader.set("HOME", &home);
    reader.replace("/etc/webhook", &format!("{home}/etc"));
    reader.replace("/var/backups/webhook", &format!("{home}/backups"));
    reader
}

#[test]
fn a_stranger_installs_backs_up_and_restores_by_the_page() {
    let cluster = Cluster::private(&[]);
    let mut place = Deployment::new(Backend::Sqlite);
    place.unset("WEBHOOK_DATABASE_URL");
    let reader = on_a_machine_with_postgresql(&place, &cluster);
    // The tests' own role has the name of the page's.
    reader.read("runuser -l postgres -c 'psql --quiet --command \"DROP ROLE webhook\"'");
    let script = book::text("docs/operating/webhook-backup");
    let (_, script) = script.split_once('\n').expect("it has a first line");
    let home = place.directory().to_string_lossy().into_owned();
    let script = script
        .replace("/etc/webhook", &format!("{home}/etc"))
        .replace("/var/backups/webhook", &format!("{home}/backups"));
    reader.program("webhook-backup", &script);

    // The shell of the page goes on from block to block, and so do its variables and its folder.
    let names = ["install:database", "install:settings", "install:doctor"];
    let blocks: String = names.map(book::block).concat();
    let said = reader.run(&format!("{blocks}echo \"in $PWD\"\n")).output();
    assert!(said.contains("OK    database.rights"), "{said}");
    assert!(said.contains(&format!("in {home}/etc")), "{said}");
    let mode = |file: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(Path::new(&home).join(file))
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        [
            mode("etc"),
            mode("etc/master.key"),
            mode("etc/webhook.toml"),
            mode(".pgpass")
        ],
        [0o700, 0o600, 0o600, 0o600]
    );

    let go_on = format!("cd {home}/etc\n");
    let server = Server::start(reader.shell(&format!("{go_on}exec webhook-server\n")));
    let key = reader.read(&format!("{go_on}{}echo \"$KEY\"\n", book::block("install:key")));
    assert!(key.starts_with("whkey_"), "{key}");
    let create = "webhook-server webhook create --url https://example.com/";
    let created = reader.read(&format!("{go_on}{create}\n"));
    let id = created
        .split_whitespace()
        .find(|word| word.starts_with("whk_"))
        .expect("an id");
    let backup = reader.read(&format!("{go_on}webhook-backup\n"));
    assert!(backup.ends_with(".dump") && mode("backups") == 0o700, "{backup}");
    // Something that the backup does not have.
    reader.read(&format!(
        "{go_on}{create}\nwebhook-server webhook roll {id} --previous-secret-expires-in 0\n"
    ));
    let said = reader
        .run(&format!("{go_on}{}", book::block("install:drill")))
        .output();
    assert!(
        said.contains("webhooks made since the backup, and lost: 1"),
        "{said}"
    );
    assert!(said.contains("whole: "), "{said}");
    assert!(
        said.contains("nothing was rolled"),
        "a drill changes nothing: {said}"
    );
    assert_eq!(server.stop().code(), 0);

    let said = reader
        .run(&format!("{go_on}{}", book::block("install:restore")))
        .output();
    assert!(
        said.contains(&format!("rolled {id}: no older key signs any more")),
        "{said}"
    );
    let server = Server::start(reader.shell(&format!("{go_on}exec webhook-server\n")));
    assert!(
        server.output().contains("deliveries are paused"),
        "{}",
        server.output()
    );
    let listed = reader.read(&format!("{go_on}pg_restore --list $(webhook-backup)\n"));
    assert!(listed.contains("dbname: webhook\n"), "{listed}");
}

#[test]
fn prometheus_takes_the_settings_and_the_rules_of_the_page() {
    let place = Deployment::new(Backend::Sqlite);
    let mut reader = Reader::of(&place);
    let folder = place.directory().join("prometheus");
    fs::create_dir(&folder).expect("a folder");
    reader.replace("/etc/prometheus", &folder.to_string_lossy());
    reader.set("BOOK", &book::root().join("docs/operating").to_string_lossy());
    let said = reader.read(&book::block("install:prometheus"));
    assert!(said.contains("1 rule files found"), "{said}");
    let rules = book::text("docs/operating/alerts.yml")
        .matches("- alert: ")
        .count();
    assert!(said.contains(&format!("{rules} rules found")), "{said}");
}

#[test]
fn a_role_that_may_not_create_tables_serves_with_the_rights_of_the_page() {
    let place = Deployment::new(Backend::Postgres);
    place.run(&["migrate"]).expect_success();
    let owned = place.database().expect("a database");
    // Roles are those of all databases of a cluster.
    let role = format!("service_{}", random_hex(4));
    owned.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'p'"));
    // As the role that owns the schema, which the last two statements are about.
    let rights = book::block("postgresql:rights")
        .replace("DATABASE webhook", "DATABASE {database}")
        .replace("TO service;", &format!("TO {role};"));
    let owner = owned.url().to_owned();
    let mut psql = programs::command("psql");
    psql.args(["--set", "ON_ERROR_STOP=1", "--dbname", &owner, "--command"]);
    psql.arg(rights.replace("{database}", owner.rsplit('/').next().expect("a name")));
    let output = psql.output().expect("psql runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let mut reader = Reader::of(&place);
    let (_, at) = owner.split_once('@').expect("the URL of a role");
    reader.replace("webhook@db.example/webhook", &format!("{role}:p@{at}"));
    // The key that the page makes is another than that of the database which is there already.
    let key = place.setting("WEBHOOK_MASTER_KEY").expect("a key").to_owned();
    reader.replace("$(openssl rand -base64 32)", &key);
    let block = book::block("postgresql:start");
    let server = Server::start(reader.shell(&block));
    assert!(server.output().contains("whkey_"), "{}", server.output());
}
