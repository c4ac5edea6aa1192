//! Settings as people write them and tools hand them on, and the command line's refusals.

use std::{fs, os::unix::fs::PermissionsExt as _};

use webhook_tests::{Backend, Deployment, Service, fixtures::create};

/// A deployment with this settings file, of this mode.
fn with_file(backend: Backend, content: impl AsRef<[u8]>, mode: u32) -> Deployment {
    let deployment = Deployment::new(backend);
    let file = deployment.directory().join("webhook.toml");
    fs::write(&file, content).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
    deployment
}

const MASTER_KEY: &str = "master_key = \"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\"\n";

#[test]
fn a_settings_file_with_a_secret_that_others_may_read_is_warned_of() {
    let warns = |content: &str, mode: u32| {
        let deployment = with_file(Backend::Sqlite, content, mode);
        let server = deployment.serve();
        let log = server.stop().stderr;
        let line = log
            .lines()
            .find(|line| line.contains("is open to others than its owner"));
        if let Some(line) = line {
            assert!(
                line.contains("webhook.toml") && line.contains("chmod 600"),
                "{line}"
            );
            assert!(line.contains(&format!("\"{mode:o}\"")), "{line}");
            assert!(!line.contains("BwcH"), "{line}");
        }
        line.is_some()
    };
    for mode in [0o644, 0o640, 0o604, 0o660] {
        assert!(warns(MASTER_KEY, mode), "{mode:o}");
    }
    assert!(!warns(MASTER_KEY, 0o600));
    assert!(!warns(MASTER_KEY, 0o400));
    assert!(!warns("environment = \"LIVE\"\n", 0o644), "it holds no secret");
}

#[test]
fn a_settings_file_with_the_databases_password_is_warned_of() {
    let deployment = Deployment::new(Backend::Postgres);
    let url = deployment
        .setting("WEBHOOK_DATABASE_URL")
        .expect("a URL")
        .to_owned();
    assert!(url.contains('@'), "{url}");
    let deployment = deployment.with_database_url_in_a_file();
    let file = deployment.directory().join("webhook.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let log = deployment.serve().stop().stderr;
    assert!(log.contains("holds a password and is open to others"), "{log}");
}

#[test]
fn a_line_break_at_the_end_of_a_value_does_no_harm() {
    let mut deployment = Deployment::new(Backend::Sqlite);
    let key = deployment.directory().join("the-key");
    fs::write(&key, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\r\n").expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    deployment.set("WEBHOOK_MASTER_KEY_FILE", &format!("{}\n", key.display()));
    deployment.set("WEBHOOK_LISTEN", " 127.0.0.1:0\r\n");
    deployment.set("WEBHOOK_ENVIRONMENT", "LIVE\n");
    deployment.set("WEBHOOK_PREVIOUS_SECRET_TTL", "60 ");
    let service = Service::start_on(deployment);
    create(&service.client());
}

#[test]
fn a_settings_file_that_is_wrong_is_refused_in_words_that_help() {
    for (content, expected) in [
        (
            &b"listn = \"127.0.0.1:0\"\n"[..],
            "there is no setting `listn`; did you mean listen?",
        ),
        (b"databse_url = \"x\"\n", "did you mean database_url?"),
        (
            b"log = \"info\"\nlog = \"debug\"\n",
            "line 2 sets what is set above",
        ),
        (b"log = \"inf\xff\"\n", "UTF-8"),
        (b"\xff\xfel\0o\0g\0", "UTF-8"),
        (b"log = info\n", "line 1 is not TOML"),
        (b"stop_timeout = \"8\"\n", "stop_timeout must be a whole number"),
    ] {
        let ended = with_file(Backend::Sqlite, content, 0o600).serve_in_vain();
        assert_eq!(ended.code(), 2, "{}", ended.output());
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
        assert!(ended.stderr.contains("webhook.toml"), "{}", ended.stderr);
    }
}

#[test]
fn a_misspelt_variable_is_told_of_with_the_one_that_was_meant() {
    let deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_DATABSE_URL", "sqlite://x");
    let log = deployment.serve().stop().stderr;
    assert!(log.contains("did you mean WEBHOOK_DATABASE_URL?"), "{log}");
}

/// What the API refuses, the command line refuses in the same words, with status 2, and before anything is made.
#[test]
fn the_rules_of_the_api_hold_on_the_command_line() {
    let key = |more: &[&'static str]| {
        let create = [
            "api-key",
            "create",
            "--platform",
            "default",
            "--permission",
            "WEBHOOK.VIEW",
        ];
        create.iter().chain(more).copied().collect::<Vec<_>>()
    };
    let roll = |seconds| {
        let id = "whk_01arz3ndektsv4rrffq69g5fav";
        vec!["webhook", "roll", id, "--previous-secret-expires-in", seconds]
    };
    let lifetime = "must be a whole number of seconds from 1 to 315360000";
    let overlap = "must be a whole number of seconds from 0 to 604800";
    let mut cases = Vec::new();
    for seconds in [
        "0",
        "-1",
        "315360001",
        "99999999999999999999",
        "+5",
        "1.5",
        "1h",
        "",
    ] {
        cases.push((key(&["--expires-in", seconds]), lifetime));
    }
    for seconds in ["-1", "604801", "99999999999999999999", "+5", "1.5", ""] {
        cases.push((roll(seconds), overlap));
    }
    let long: &str = "x".repeat(1_000).leak();
    cases.push((key(&["--name", long]), "--name must"));
    cases.push((key(&["--permission", "WEBHOOK.VIEW"]), "must not be listed twice"));
    cases.push((vec!["webhook", "create", "--name", long], "--name must"));
    cases.push((
        vec!["webhook", "create", "--url", "http://example.com/"],
        "--url must",
    ));
    for (arguments, expected) in cases {
        let deployment = Deployment::new(Backend::Sqlite);
        let ended = deployment.run(&arguments);
        assert_eq!(ended.code(), 2, "{arguments:?}: {}", ended.output());
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
        assert!(deployment.files().is_empty(), "{arguments:?} makes nothing");
    }
}
