//! PostgreSQL over TLS, judged as the URL says. libpq does it: the one that the binary was linked with.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;
use url::Url;
use webhook_test_tls::{
    Authority, CertificateParams, ExtendedKeyUsagePurpose, Identity, authorities, changed, date_time_ymd,
    named,
};
use webhook_tests::{
    Backend, Deployment,
    clock::wait_for,
    postgres::{Cluster, programs::Account},
    server::Ended,
};

use super::process::PATIENCE;

/// The name in the certificate of the database. Nothing resolves it: the URL has the address too.
const NAME: &str = "db.example.com";

/// A cluster that speaks TLS, and a deployment on a database of it.
struct Encrypted {
    deployment: Deployment,
    issuer: Authority,
    /// Certificates and keys, and a home without any.
    files: TempDir,
    cluster: Cluster,
}

impl Encrypted {
    fn new() -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        own(files.path());
        let issuer = authorities("the issuer of the database").0;
        for (name, authority) in [
            ("issuer.pem", &issuer),
            ("another.pem", &authorities("another issuer").0),
        ] {
            fs::write(files.path().join(name), authority.as_ref().pem()).expect("a file");
        }
        show(files.path(), &issuer, &named(NAME));
        let setting = |setting: &str, name: &str| format!("{setting}={}", files.path().join(name).display());
        let cluster = Cluster::private(&[
            "ssl=on",
            &setting("ssl_cert_file", "database.pem"),
            &setting("ssl_key_file", "database.key"),
            &setting("ssl_ca_file", "issuer.pem"),
        ]);
        let home = files.path().join("home");
        fs::create_dir(&home).expect("a directory");
        let deployment = Deployment::on_cluster(&cluster).with("HOME", &home.to_string_lossy());
        Self {
            deployment,
            issuer,
            files,
            cluster,
        }
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).to_string_lossy().into_owned()
    }

    /// Sets the URL: the database by this name, with these parameters.
    fn at(&mut self, name: &str, parameters: &[(&str, &str)]) {
        let database = self.deployment.database().expect("it is on PostgreSQL");
        let mut url = Url::parse(database.url()).expect("a URL");
        let address = url.host_str().expect("an address").to_owned();
        url.set_host(Some(name)).expect("a name");
        url.query_pairs_mut()
            .append_pair("hostaddr", &address)
            .extend_pairs(parameters);
        self.deployment.set("WEBHOOK_DATABASE_URL", url.as_str());
    }

    /// A command that opens the database.
    #[track_caller]
    fn is_opened(&self) {
        self.deployment.run(&["migrate"]).expect_success();
    }

    /// The same, refused at once, with this among its words.
    #[track_caller]
    fn is_refused(&self, words: &str) {
        let ended = self.deployment.run(&["migrate", "--wait-for-database", "300"]);
        self.says(&ended, 1, words);
        assert!(!ended.stderr.contains("not up yet"), "{}", ended.stderr);
    }

    #[track_caller]
    fn says(&self, ended: &Ended, code: i32, words: &str) {
        assert_eq!(ended.code(), code, "{}", ended.output());
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        let password = self
            .deployment
            .database()
            .expect("it is on PostgreSQL")
            .password();
        assert!(!ended.output().contains(password), "{}", ended.output());
    }

    /// Lets PostgreSQL read its files anew.
    fn reload(&self) {
        self.deployment.execute("SELECT pg_reload_conf()");
    }
}

/// Gives a file to the user that PostgreSQL runs as.
fn own(path: &Path) {
    if let Some(account) = Account::unprivileged() {
        account.own(path);
    }
}

/// Puts a certificate and its key where the database reads them.
fn show(directory: &Path, issuer: &Authority, certificate: &CertificateParams) {
    write(directory, "database", issuer, certificate);
    own(&directory.join("database.key"));
}

/// Writes a certificate and its key, which is its owner's alone.
fn write(directory: &Path, name: &str, issuer: &Authority, certificate: &CertificateParams) {
    let identity = Identity::issued(certificate, issuer);
    let text = data_encoding::BASE64.encode(&identity.chain[0]);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    fs::write(directory.join(format!("{name}.pem")), pem).expect("a file");
    let key = directory.join(format!("{name}.key"));
    fs::write(&key, identity.key_pem()).expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
}

#[test]
fn a_database_must_show_a_certificate_for_its_name_from_an_issuer_that_is_trusted() {
    let mut it = Encrypted::new();
    let (issuer, another) = (it.file("issuer.pem"), it.file("another.pem"));
    let full = ("sslmode", "verify-full");

    it.at(NAME, &[full, ("sslrootcert", &issuer)]);
    let server = it.deployment.serve();
    it.deployment.execute(
        "DO $$ BEGIN \
           IF NOT (SELECT bool_and(ssl) AND count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                   WHERE usename = 'webhook') \
           THEN RAISE EXCEPTION 'a connection is not encrypted'; END IF; END $$",
    );
    assert_eq!(server.stop().code(), 0);

    it.at("other.example.com", &[full, ("sslrootcert", &issuer)]);
    it.is_refused("does not match host name \"other.example.com\"");
    it.says(
        &it.deployment.serve_in_vain(),
        1,
        "does not match host name \"other.example.com\"",
    );
    it.at(
        "other.example.com",
        &[("sslmode", "verify-ca"), ("sslrootcert", &issuer)],
    );
    it.is_opened();

    it.at(NAME, &[full, ("sslrootcert", &another)]);
    it.is_refused("certificate verify failed");
    // What PostgreSQL has for old clients: a certificate that is there is used.
    it.at(NAME, &[("sslmode", "require"), ("sslrootcert", &another)]);
    it.is_refused("certificate verify failed");
    it.at(NAME, &[full, ("sslrootcert", "/no/such.pem")]);
    it.is_refused("root certificate file \"/no/such.pem\" does not exist");

    it.at(NAME, &[("sslmode", "verify_full")]);
    it.is_refused("invalid sslmode value: \"verify_full\"");

    let yesterday = changed(NAME, |it| {
        it.not_before = date_time_ymd(2020, 1, 1);
        it.not_after = date_time_ymd(2021, 1, 1);
    });
    show(it.files.path(), &it.issuer, &yesterday);
    it.reload();
    it.at(NAME, &[full, ("sslrootcert", &issuer)]);
    let ended = wait_for("the certificate that has expired is shown", PATIENCE, || {
        let ended = it.deployment.run(&["migrate"]);
        (!ended.status.success()).then_some(ended)
    });
    it.says(&ended, 1, "certificate verify failed");
}

#[test]
fn roots_are_looked_for_in_the_url_the_home_and_the_machine() {
    let mut it = Encrypted::new();
    let issuer = it.file("issuer.pem");
    let full = ("sslmode", "verify-full");
    let system = ("sslrootcert", "system");

    it.at(NAME, &[full]);
    it.is_refused("home/.postgresql/root.crt\" does not exist");
    let folder = it.files.path().join("home/.postgresql");
    fs::create_dir(&folder).expect("a directory");
    fs::copy(&issuer, folder.join("root.crt")).expect("a file");
    it.is_opened();

    it.at(NAME, &[system]);
    it.is_refused("certificate verify failed");
    it.deployment.set("SSL_CERT_FILE", &issuer);
    it.is_opened();
    it.at(NAME, &[system, full]);
    it.is_opened();
    it.at("other.example.com", &[system]);
    it.is_refused("does not match host name");
    it.at(NAME, &[system, ("sslmode", "require")]);
    it.says(&it.deployment.run(&["migrate"]), 2, "sslmode=verify-full");
}

#[test]
fn a_database_that_demands_a_certificate_is_shown_one() {
    let mut it = Encrypted::new();
    let (issuer, certificate, key) = (
        it.file("issuer.pem"),
        it.file("client.pem"),
        it.file("client.key"),
    );
    let client = changed("webhook", |it| {
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    write(it.files.path(), "client", &it.issuer, &client);
    let rules = it.cluster.data().join("pg_hba.conf");
    let others = fs::read_to_string(&rules).expect("PostgreSQL has rules");
    let demanding = "hostssl all webhook 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n";
    fs::write(&rules, format!("{demanding}{others}")).expect("rules can be changed");
    it.reload();

    let trusted = [("sslmode", "verify-full"), ("sslrootcert", issuer.as_str())];
    it.at(NAME, &trusted);
    wait_for("the rules are read", PATIENCE, || {
        (!it.deployment.run(&["migrate"]).status.success()).then_some(())
    });
    it.is_refused("certificate");

    let shown = [
        trusted[0],
        trusted[1],
        ("sslcert", &certificate),
        ("sslkey", &key),
    ];
    it.at(NAME, &shown);
    it.is_opened();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a mode");
    it.is_refused("has group or world access");
}

#[test]
fn a_database_without_tls_is_refused_where_tls_is_required() {
    for mode in ["require", "verify-full"] {
        let mut deployment = Deployment::new(Backend::Postgres);
        let mut url = Url::parse(deployment.database().expect("it is on PostgreSQL").url()).expect("a URL");
        url.query_pairs_mut()
            .append_pair("sslmode", mode)
            .append_pair("sslrootcert", "/dev/null");
        deployment.set("WEBHOOK_DATABASE_URL", url.as_str());
        let ended = deployment.serve_in_vain();
        assert_eq!(ended.code(), 1, "{}", ended.output());
        assert!(
            ended.stderr.contains("server does not support SSL"),
            "{}",
            ended.stderr
        );
        assert!(
            !ended.output().contains(url.password().expect("a password")),
            "{}",
            ended.output()
        );
    }
}
