//! A disk that fills up.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use webhook_tests::{
    Backend, Client, Deployment,
    clock::wait_for,
    fixtures::{create, roll},
    service::ALL_PERMISSIONS,
};

use super::process::Process;

const LONG: Duration = Duration::from_secs(60);

/// A file system of a few megabytes, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        fs::create_dir(at).expect("a directory can be made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(at)
            .status();
        assert!(
            mounted.expect("mount runs").success(),
            "a file system can be mounted"
        );
        Self(at.to_owned())
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).expect("a file can be made");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).expect("it is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_with_the_database_and_the_log_on_it_makes_the_service_not_ready_until_there_is_room() {
    let mut deployment = Deployment::new(Backend::Sqlite).with("WEBHOOK_LOG", "debug");
    let disk = SmallDisk::mount(&deployment.directory().join("small"));
    let database = disk.0.join("webhook.db");
    deployment.set(
        "WEBHOOK_DATABASE_URL",
        &format!("sqlite://{}", database.display()),
    );
    let log = disk.0.join("log");
    let key = deployment.create_key("default", &ALL_PERMISSIONS, &[]);
    let stderr = File::create(&log).expect("a file can be made");
    let mut server = Process::start(&mut deployment, r#"exec "$@""#, stderr.into());
    let client = Client::with_key(server.client().address(), &key);
    let webhook = create(&client);

    disk.fill();
    let status = |path: &str| client.get(path).unchecked().send().status;
    wait_for("it is not ready", LONG, || {
        (status("/health/ready") == 503).then_some(())
    });
    // There may be room for some in SQLite's log.
    wait_for("no roll fits any more", LONG, || {
        let rolled = client.patch(&webhook.secret_path()).unchecked().send();
        assert!(matches!(rolled.status, 200 | 409 | 503), "{rolled:?}");
        (rolled.status == 503).then_some(())
    });
    assert_eq!(status("/health/ready"), 503);
    assert_eq!(status("/health/live"), 200);

    disk.make_room();
    wait_for("it is ready again", LONG, || {
        (status("/health/ready") == 200).then_some(())
    });
    roll(&client, &create(&client));
    server.wait_until_ready();
    drop(server);
    let said = fs::read_to_string(&log).expect("a log");
    assert!(
        said.contains("lines were dropped") || said.contains("dropped"),
        "{said}"
    );
}
