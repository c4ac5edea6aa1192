//! Roles and files with no more rights than serving needs, and with fewer.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use webhook_tests::{
    Backend, Client, Deployment, Server, Service,
    fixtures::create,
    postgres::Database,
    server::{Ended, run},
    service::ALL_PERMISSIONS,
};

/// A role that may do what serving needs, dropped with the value.
pub(crate) struct Role<'a> {
    database: &'a Database,
    name: String,
}

impl<'a> Role<'a> {
    /// Makes it, with `options`, in a database that its owner has migrated.
    pub(crate) fn create(deployment: &'a Deployment, options: &str) -> Self {
        deployment.run(&["migrate"]).expect_success();
        let database = deployment.database().expect("it is on PostgreSQL");
        let name = format!("{}_runs", database.url().rsplit('/').next().expect("a name"));
        for statement in [
            format!("CREATE ROLE {name} LOGIN PASSWORD 'runs' {options}"),
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
            "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC".to_owned(),
            format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"),
            format!("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}"),
        ] {
            database.execute(&statement);
        }
        Self { database, name }
    }

    /// The server's command, with this role.
    pub(crate) fn command(&self, deployment: &Deployment) -> Command {
        let mut url = url::Url::parse(self.database.url()).expect("a URL");
        url.set_username(&self.name).expect("a URL has users");
        url.set_password(Some("runs")).expect("a URL has passwords");
        let mut command = deployment.command(&[]);
        command.env("WEBHOOK_DATABASE_URL", url.as_str());
        command
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        self.database.execute(&format!("DROP OWNED BY {}", self.name));
        self.database.execute(&format!("DROP ROLE {}", self.name));
    }
}

#[test]
fn a_role_that_may_create_nothing_serves_a_schema_that_its_owner_has_migrated() {
    let deployment = Deployment::new(Backend::Postgres);
    let role = Role::create(&deployment, "");
    let key = deployment.create_key("default", &ALL_PERMISSIONS, &[]);
    let server = Server::start(role.command(&deployment));
    create(&Client::with_key(server.address(), &key));
    server.stop();
}

#[test]
fn a_role_with_too_few_connections_never_is_ready_while_rolls_fail() {
    std::thread::scope(|scope| {
        for limit in [1, 3, 5] {
            scope.spawn(move || is_never_ready_while_rolls_fail(limit));
        }
    });
}

fn is_never_ready_while_rolls_fail(limit: u32) {
    let mut deployment = Deployment::new(Backend::Postgres);
    let address = super::process::free_address();
    deployment.set("WEBHOOK_LISTEN", &address.to_string());
    let key = deployment.create_key("default", &ALL_PERMISSIONS, &[]);
    let role = Role::create(&deployment, &format!("CONNECTION LIMIT {limit}"));
    let log = deployment.directory().join("log");
    let file = fs::File::create(&log).expect("a file can be made");
    let mut child = role.command(&deployment).stderr(file).spawn().expect("it runs");
    let client = Client::with_key(address, &key);
    let said = || fs::read_to_string(&log).expect("a log");
    let status = |path: &str| {
        client
            .get(path)
            .unchecked()
            .try_send()
            .map(|answer| answer.status)
            .ok()
    };
    let (mut began, mut webhook) = (None, None);
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("a child can be waited for") {
            break Some(ended);
        }
        match status("/health/ready") {
            // It does not listen yet.
            None => {}
            Some(200) => {
                let webhook = webhook.get_or_insert_with(|| create(&client));
                let rolled = client.patch(&webhook.secret_path()).unchecked().send().status;
                // Too many retired keys are no failure.
                let failed = !matches!(rolled, 200 | 409);
                assert!(
                    !failed || status("/health/ready") != Some(200),
                    "limit {limit}: {rolled}\n{}",
                    said()
                );
            }
            Some(_) => {}
        }
        let began = began.get_or_insert_with(Instant::now);
        if began.elapsed() > Duration::from_secs(5) && (webhook.is_some() || said().contains("is not ready"))
        {
            break None;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "limit {limit}: {}",
            said()
        );
        std::thread::sleep(Duration::from_millis(100));
    };
    let _ = child.kill();
    let _ = child.wait();
    if let Some(ended) = ended {
        let said = said();
        assert!(
            !ended.success() && said.contains("too many connections for role"),
            "limit {limit}: {said}"
        );
    }
}

/// Runs `command` as root without the right to pass over permissions.
fn without_override(command: &Command) -> Command {
    let mut limited = Command::new("setpriv");
    limited
        .args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("a directory"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

/// Runs `command` where `path` can be read alone, as in a container with a volume of that kind.
fn with_read_only(path: &Path, command: &Command) -> Command {
    let script = format!(
        "mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}' && cd '{1}' && exec \"$@\"",
        path.display(),
        command.get_current_dir().expect("a directory").display()
    );
    let mut limited = Command::new("unshare");
    limited
        .args(["--mount", "sh", "-c", &script, "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

#[track_caller]
fn says_what_must_be_writable(ended: &Ended, code: i32) {
    assert_eq!(ended.code(), code, "{}", ended.output());
    assert!(
        ended.stderr.contains("cannot be written") && ended.stderr.contains("writable"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_database_that_cannot_be_written_stops_the_start() {
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    let stopped_or_killed: [fn(&mut Service); 2] = [
        |service| drop(service.take_server().stop()),
        |service| drop(service.kill()),
    ];
    for end in stopped_or_killed {
        end(&mut service);
        let deployment = service.deployment();
        let (data, file) = (deployment.data(), deployment.data().join("webhook.db"));
        for arguments in [&[][..], &["migrate"], &["webhook", "list"]] {
            let command = deployment.command(arguments);
            for (path, mode) in [(&file, 0o444), (&data, 0o555)] {
                let before = path.metadata().expect("it is there").permissions();
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("rights can be set");
                let ended = run(without_override(&command), Duration::from_secs(30));
                fs::set_permissions(path, before).expect("rights can be set");
                says_what_must_be_writable(&ended, 2);
            }
            for path in [&file, &data] {
                let ended = run(with_read_only(path, &command), Duration::from_secs(30));
                says_what_must_be_writable(&ended, 2);
            }
        }
        service.start_again();
        create(&service.client());
    }
}
