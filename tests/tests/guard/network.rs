//! A network of a test's own, in which every address there is belongs to this machine.
//!
//! The test runs itself again under `unshare` (util-linux), in a network namespace and a mount namespace, as root or in a
//! user namespace. There `ip` (iproute2) makes both families local altogether, so that whatever is connected to, a trap on
//! `0.0.0.0` and `[::]` hears of it; and `/etc/resolv.conf` and its like are covered by ones that name the test's own name
//! server. Nothing of it is seen outside, and it is gone with the process.
//!
//! A machine that does not let a process have a network of its own is told of loudly, and the test goes on with what
//! loopback can show, or fails when it is run by root with `CI=true`. PostgreSQL is out of reach from inside: a test that
//! needs it starts a cluster there.

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, Output},
};

use webhook_tests::{Backend, binary, postgres::Cluster};

/// Set for the test that runs inside.
const INSIDE: &str = "WEBHOOK_TEST_INSIDE_ITS_NETWORK";

/// Which network a test runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Its own: every address can be connected to, and every connection arrives at the test.
    Own,
    /// The machine's: of loopback alone the test knows what arrives.
    Shared,
}

impl Network {
    /// Runs `story` in a network of its own: by running the test that is called `name` again. In the machine's network, if
    /// there is no other way.
    pub(crate) fn run(name: &str, story: impl FnOnce(Self)) {
        if env::var_os(INSIDE).is_some() {
            furnish();
            return story(Self::Own);
        }
        if let Err(why) = is_possible() {
            let by_root = rustix::process::geteuid().is_root();
            let in_ci = env::var("CI").is_ok_and(|ci| ci == "true");
            let said = format!("{name} has no network of its own, and proves less than it could: {why}");
            assert!(!(by_root && in_ci), "{said}");
            // Past the capture of what tests print that pass.
            let _ = writeln!(io::stderr(), "\n!!! {said} !!!\n");
            return story(Self::Shared);
        }
        let program = env::current_exe().expect("a program knows its path");
        let output = unshare()
            .arg(program)
            .args([name, "--exact", "--nocapture", "--test-threads=1"])
            .env(INSIDE, "1")
            // Built before, by this run; and the cluster outside is out of reach.
            .env("WEBHOOK_SERVER_BIN", binary::path())
            .env_remove("WEBHOOK_TEST_DATABASE_URL")
            .output()
            .expect("unshare runs");
        let said = said(&output);
        // A name that no test has is a success of nothing.
        assert!(
            output.status.success() && said.contains("1 passed"),
            "inside its own network, {name}:\n{said}"
        );
        // What it measured, for whoever looks.
        eprintln!("{said}");
    }
}

impl Network {
    /// The cluster a deployment must be on to be reached from here, where the shared one is not.
    pub(crate) fn cluster(self, backend: Backend) -> Option<Cluster> {
        (backend == Backend::Postgres && self == Self::Own).then(|| Cluster::private(&[]))
    }
}

/// `unshare`, for a process that may do what it likes with a network and a mount table of its own.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        // The same user as outside: PostgreSQL does not run as root.
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.args(["--net", "--mount", "--"]);
    command
}

/// Whether such a process can be made, with all that [`furnish`] needs; if not, why.
fn is_possible() -> Result<(), String> {
    let attempt = "ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo \
                   && mount --bind /dev/null /etc/resolv.conf";
    match unshare().args(["sh", "-c", attempt]).output() {
        Err(error) => Err(format!("`unshare` of util-linux does not run: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("`unshare … sh -c '{attempt}'`: {}", said(&output))),
    }
}

/// Makes every address local, and names a matter of the test's own name server.
fn furnish() {
    must("ip", &["link", "set", "lo", "up"]);
    must("ip", &["route", "add", "local", "0.0.0.0/0", "dev", "lo"]);
    must("ip", &["-6", "route", "add", "local", "::/0", "dev", "lo"]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in [
        // No domain to search; no name server but ours, which answers at once.
        (
            "resolv.conf",
            "nameserver 127.0.0.1\nsearch .\noptions timeout:2 attempts:2\n",
        ),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
        ),
    ] {
        let (ours, theirs) = (directory.path().join(name), Path::new("/etc").join(name));
        fs::write(&ours, text).expect("a file can be written");
        if theirs.exists() {
            cover(&theirs, &ours);
        }
    }
    // A daemon that looks names up for others does it outside.
    for socket in ["/run/nscd/socket", "/var/run/nscd/socket"].map(Path::new) {
        if socket.exists() {
            cover(socket, Path::new("/dev/null"));
        }
    }
}

fn cover(theirs: &Path, ours: &Path) {
    let path = |path: &Path| path.to_str().expect("a path is text").to_owned();
    must("mount", &["--bind", &path(ours), &path(theirs)]);
}

fn must(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        said(&output)
    );
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}
