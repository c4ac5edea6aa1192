//! Settings that are wrong: all of them are told, and what does not depend on them is checked.

use std::fs;

use webhook_tests::{Backend, Deployment};

use crate::doctor;

#[test]
fn every_setting_that_is_wrong_is_named_and_no_value_repeated() {
    let deployment = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_LISTEN", "hunter2")
        .with("WEBHOOK_STOP_TIMEOUT", "1")
        .with("WEBHOOK_MASTER_KEY", "hunter2")
        .with("WEBHOOK_JWT_ISSUER", "hunter2")
        .with("WEBHOOK_ALOW_HTTP", "hunter2");
    let file = "listn = \"hunter2\"\nallow_http = \"hunter2\"\nretry_speed = 0\nevent_retention = 7\n";
    fs::write(deployment.directory().join("webhook.toml"), file).expect("a file");
    let report = doctor(&deployment, &["--attempt-timeout", "hunter2"]);
    report.expect_failures(2, &["settings"]);
    for said in [
        "there is no setting `listn`; did you mean listen?",
        "allow_http must be true or false",
        "retry_speed (in ",
        "WEBHOOK_LISTEN (environment) must be an IP address and a port",
        "WEBHOOK_STOP_TIMEOUT (environment) must be a whole number of seconds from 2 to 600",
        "WEBHOOK_MASTER_KEY (environment) must be",
        "WEBHOOK_JWT_AUDIENCE and WEBHOOK_JWT_KEYS_FILE must be set too",
        "--attempt-timeout (flag) must be a whole number of seconds from 1 to 60",
    ] {
        report.expect("settings", "FAIL", said);
    }
    report.expect(
        "settings",
        "WARN",
        "WEBHOOK_ALOW_HTTP is no setting; did you mean WEBHOOK_ALLOW_HTTP?",
    );
    assert!(
        !report.ended.output().contains("hunter2"),
        "{}",
        report.ended.output()
    );
    // What is right is looked at.
    assert_eq!(report.status("files.folder"), "OK");
    assert!(report.checks("listen").is_empty(), "a wrong address is not tried");
    assert!(
        report.checks("database").is_empty(),
        "nor a database without its key"
    );
}

#[test]
fn settings_that_cannot_be_read_at_all_are_told_with_status_2() {
    let deployment = Deployment::new(Backend::Sqlite);
    let named = doctor(&deployment, &["--config", "gone.toml"]);
    named.expect_failures(2, &["settings"]);
    named.expect("settings", "FAIL", "gone.toml cannot be read");
    fs::write(
        deployment.directory().join("webhook.toml"),
        "master_key = hunter2",
    )
    .expect("a file");
    let report = doctor(&deployment, &[]);
    report.expect_failures(2, &["settings"]);
    report.expect("settings", "FAIL", "line 1 is not TOML");
    assert!(
        !report.ended.output().contains("hunter2"),
        "{}",
        report.ended.output()
    );
}

#[test]
fn a_settings_file_with_a_password_that_others_may_read_is_told() {
    let deployment = Deployment::new(Backend::Sqlite);
    let file = deployment.directory().join("webhook.toml");
    fs::write(&file, "egress_proxy = 'http://u:hunter2@proxy.example:1'\n").expect("a file");
    let report = doctor(&deployment, &[]);
    report.expect_failures(0, &[]);
    report.expect(
        "settings",
        "WARN",
        "holds a password and is open to others than its owner (mode 644)",
    );
    assert!(
        !report.ended.output().contains("hunter2"),
        "{}",
        report.ended.output()
    );
}

#[test]
fn files_that_settings_name_are_read_as_a_start_reads_them() {
    let deployment = Deployment::new(Backend::Sqlite)
        .with("WEBHOOK_ACTIONS_FILE", "actions")
        .with("WEBHOOK_RECEIVERS_CA_FILE", "gone.pem")
        .with("WEBHOOK_TLS_CERTIFICATE_FILE", "gone.pem")
        .with("WEBHOOK_TLS_KEY_FILE", "gone.key")
        .with("WEBHOOK_JWT_ISSUER", "https://issuer.example")
        .with("WEBHOOK_JWT_AUDIENCE", "webhooks")
        .with("WEBHOOK_JWT_KEYS_FILE", "keys.json");
    fs::write(
        deployment.directory().join("actions"),
        "ORDER.SHIPPED\norder lost\n",
    )
    .expect("a file");
    fs::write(deployment.directory().join("keys.json"), "{}").expect("a file");
    let report = doctor(&deployment, &[]);
    report.expect_failures(
        1,
        &[
            "settings.actions",
            "settings.jwt_keys",
            "settings.certificate",
            "settings.tls",
        ],
    );
    report.expect("settings.actions", "FAIL", "is wrong in line 2");
    report.expect("settings.tls", "FAIL", "gone.pem cannot be read");
    report.expect(
        "settings.certificate",
        "FAIL",
        "WEBHOOK_TLS_CERTIFICATE_FILE: gone.pem cannot be read",
    );
    fs::write(deployment.directory().join("actions"), "ORDER.SHIPPED\n").expect("a file");
    assert_eq!(doctor(&deployment, &[]).status("settings.actions"), "OK");
}

#[test]
fn retries_that_are_made_faster_are_told_of_a_live_deployment() {
    let deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_RETRY_SPEED", "600");
    assert_eq!(doctor(&deployment, &[]).status("settings"), "OK");
    let report = doctor(&deployment, &["--environment", "LIVE"]);
    report.expect("settings", "WARN", "WEBHOOK_RETRY_SPEED");
    report.expect_failures(0, &[]);
}
