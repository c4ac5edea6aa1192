//! Finds PostgreSQL's programs, and a user it agrees to run as.

use std::{
    env, fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

/// The path of `program`: on the `PATH`, in `pg_config --bindir`, or where Debian keeps its versions.
///
/// Links are followed: PostgreSQL's programs look for each other beside themselves.
pub fn find(program: &str) -> PathBuf {
    let on_path = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect::<Vec<_>>())
        .unwrap_or_default();
    let candidates = configured().into_iter().chain(versions()).chain(on_path);
    let found = candidates
        .map(|directory| directory.join(program))
        .find(|path| path.is_file());
    found.and_then(|path| fs::canonicalize(path).ok()).unwrap_or_else(|| {
        panic!(
            "the tests need PostgreSQL's `{program}`, which is neither on the PATH nor under /usr/lib/postgresql. \
             Install PostgreSQL's server (Debian: apt-get install postgresql), or set WEBHOOK_TEST_DATABASE_URL to \
             a server that may be used."
        )
    })
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// `/usr/lib/postgresql/*/bin`, newest first.
fn versions() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The account PostgreSQL runs under when the tests run as root, which it refuses to.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// `None` when the tests run as an ordinary user already; else `postgres`, or `nobody`.
    pub fn unprivileged() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let entry = |name: &str| {
            let fields: Vec<&str> = passwd
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>())
                .find(|f| f[0] == name)?;
            Some(Self {
                user: fields[2].parse().ok()?,
                group: fields[3].parse().ok()?,
            })
        };
        let found = entry("postgres").or_else(|| entry("nobody"));
        Some(found.expect("PostgreSQL does not run as root: a user `postgres` or `nobody` is needed"))
    }

    /// Gives `path` to the account.
    pub fn own(self, path: &Path) {
        chown(path, Some(self.user), Some(self.group))
            .unwrap_or_else(|error| panic!("chown {path:?}: {error}"));
    }

    /// Has the account run a command.
    pub fn run(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// `program` of PostgreSQL, run as [`Account::unprivileged`].
pub fn command(program: &str) -> Command {
    let mut command = Command::new(find(program));
    // PGHOST, PGOPTIONS and their like belong to whoever runs the tests, not to the cluster.
    env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_string_lossy().starts_with("PG"))
        .for_each(|name| {
            command.env_remove(name);
        });
    command.current_dir("/");
    if let Some(account) = Account::unprivileged() {
        account.run(&mut command);
    }
    command
}
