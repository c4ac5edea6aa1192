//! Files with too many rights or too few, files that are missing, and a disk without room.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::Command,
};

use webhook_tests::{Backend, Deployment, Service, fixtures::create};

use crate::{Report, doctor};

fn stopped() -> Service {
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    service.take_server().stop();
    service
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn rights_that_are_too_wide_are_told_file_by_file() {
    let service = stopped();
    let deployment = service.deployment();
    let data = deployment.data();
    allow(&data, 0o777);
    for file in ["webhook.db", "master.key", "first-api-key"] {
        allow(&data.join(file), 0o644);
    }
    let report = doctor(deployment, &[]);
    report.expect_failures(0, &[]);
    report.expect(
        "files.folder",
        "WARN",
        "can be written by others than its owner (mode 777)",
    );
    report.expect(
        "files.database",
        "WARN",
        "webhook.db is open to others than its owner (mode 644)",
    );
    report.expect(
        "files.master_key",
        "WARN",
        "master.key is open to others (mode 644)",
    );
    report.expect(
        "files.first_api_key",
        "WARN",
        "first-api-key holds an API key with every permission, open to others",
    );
    fs::remove_file(data.join("first-api-key")).expect("it is there");
    assert!(doctor(deployment, &[]).checks("files.first_api_key").is_empty());
}

#[test]
fn files_of_another_user_are_told_and_so_is_that_rights_were_judged_for_this_one() {
    let service = stopped();
    let deployment = service.deployment();
    for path in [
        deployment.data(),
        deployment.data().join("webhook.db"),
        deployment.data().join("master.key"),
    ] {
        chown(path, Some(65_534), None).expect("root may");
    }
    let all = doctor(deployment, &[]);
    all.expect("files.user", "WARN", "rights were judged for user 0");
    all.expect_failures(0, &[]);
    let command = deployment.command(&["doctor"]);
    let mut limited = Command::new("setpriv");
    limited
        .args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"])
        .arg(command.get_program())
        .arg("doctor")
        .current_dir(deployment.directory())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let report = Report::of(limited);
    assert_eq!(report.ended.code(), 1, "{}", report.ended.output());
    report.expect("files.folder", "FAIL", "webhook-data cannot be used");
    report.expect("database", "FAIL", "");
}

#[test]
fn a_master_key_that_is_missing_wrong_or_garbled_fails() {
    let service = stopped();
    let deployment = service.deployment();
    let (file, aside) = (
        deployment.data().join("master.key"),
        deployment.directory().join("aside"),
    );
    fs::rename(&file, &aside).expect("it is there");
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database.master_key"]);
    report.expect(
        "database.master_key",
        "FAIL",
        "but its master key webhook-data/master.key is not",
    );
    assert_eq!(report.status("database.schema"), "OK");
    fs::write(&file, "hunter2\n").expect("a file");
    allow(&file, 0o600);
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database.master_key"]);
    assert!(
        !report.ended.output().contains("hunter2"),
        "{}",
        report.ended.output()
    );
    let other = data_encoding::BASE64.encode(&[7; 32]);
    fs::write(&file, &other).expect("a file");
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database.master_key"]);
    report.expect(
        "database.master_key",
        "FAIL",
        "the master key is not the one this database was sealed with",
    );
    assert!(
        !report.ended.output().contains(&other),
        "{}",
        report.ended.output()
    );
}

#[test]
fn a_database_that_is_gone_or_damaged_fails_and_is_left_alone() {
    let service = stopped();
    let deployment = service.deployment();
    let (file, aside) = (
        deployment.data().join("webhook.db"),
        deployment.directory().join("aside"),
    );
    fs::rename(&file, &aside).expect("it is there");
    let report = doctor(deployment, &[]);
    report.expect_failures(1, &["database"]);
    report.expect(
        "database",
        "FAIL",
        "is missing or holds nothing, but there was one",
    );
    assert!(!file.exists());
    fs::write(&file, "").expect("a file");
    doctor(deployment, &[]).expect_failures(1, &["database"]);
    fs::write(
        &file,
        "this is no database, and there is no header in it that says so ".repeat(100),
    )
    .expect("a file");
    let report = doctor(deployment, &[]);
    assert_eq!(report.ended.code(), 1, "{}", report.ended.output());
    assert!(
        report.json.to_string().contains("not a database"),
        "{}",
        report.json
    );
    fs::remove_file(&file).expect("it is there");
    fs::create_dir(&file).expect("a directory");
    assert_eq!(doctor(deployment, &[]).ended.code(), 1);
}

#[test]
fn a_folder_that_is_none_fails() {
    let deployment =
        Deployment::new(Backend::Sqlite).with("WEBHOOK_DATABASE_URL", "sqlite://file/webhook.db");
    fs::write(deployment.directory().join("file"), "x").expect("a file");
    let report = doctor(&deployment, &[]);
    assert_eq!(report.ended.code(), 1, "{}", report.ended.output());
    report.expect("files.folder", "FAIL", "file is no folder");
}

/// A file system of a few megabytes, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Self {
        let mount = ["-t", "tmpfs", "-o", "size=12m", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(at).status();
        assert!(
            mounted.expect("mount runs").success(),
            "a file system can be mounted"
        );
        Self(at)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_disk_in_memory_and_one_without_room_are_told() {
    let deployment = Deployment::new(Backend::Sqlite);
    let data = deployment.data();
    fs::create_dir(&data).expect("a directory");
    let disk = SmallDisk::mount(&data);
    deployment.serve().stop();
    let report = doctor(&deployment, &[]);
    report.expect_failures(0, &[]);
    report.expect("database.durability", "WARN", "in memory (tmpfs)");
    report.expect("disk", "WARN", "MiB are free");
    fs::write(data.join("filler"), vec![0; 9 << 20]).expect("there is room");
    let report = doctor(&deployment, &[]);
    report.expect_failures(1, &["disk"]);
    drop(disk);
}
