//! Servers in wide use, each with a program that answers 200 and an idle time of one second, which all of them can be set to.
//!
//! A server goes with the test, however that ends: its shell waits for the end of its input, which the test alone holds open, and then
//! kills its process group.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    ops::Range,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use webhook_tests::binary;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `http` of Node.
    Node,
    /// uvicorn, with a program in Python that asyncio runs.
    Uvicorn,
    /// gunicorn, with threads.
    Gunicorn,
    /// Apache, with its event module.
    Apache,
    /// nginx, which reads its settings again and again and replaces its workers each time.
    Nginx,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Node,
        Self::Uvicorn,
        Self::Gunicorn,
        Self::Apache,
        Self::Nginx,
    ];

    /// About how many milliseconds after a request the next one meets a connection that it closes. Timers of some are coarse.
    pub(crate) const fn closes_after(self, is_far: bool) -> Range<u64> {
        match (self, is_far) {
            (Self::Gunicorn, _) => 950..1750,
            (Self::Apache, _) => 980..1150,
            (_, false) => 997..1007,
            (_, true) => 990..1050,
        }
    }

    /// Writes what it needs into `directory`; the command that runs it at `port` of every address.
    fn command(self, directory: &Path, port: u16) -> Command {
        let python = |module: &str, more: &[&str]| {
            fs::write(directory.join("app.py"), PYTHON).expect("a file can be written");
            let mut command = Command::new(python_servers().join("python/bin/python"));
            command.args(["-m", module]).args(more);
            command
        };
        let configured = |mut command: Command, option: &str, name: &str, text: &str| {
            let (file, place) = (directory.join(name), directory.to_string_lossy());
            let text = text.replace("PORT", &port.to_string()).replace("PLACE", &place);
            fs::write(&file, text).expect("a file can be written");
            command.arg(option).arg(file);
            command
        };
        let port_text = port.to_string();
        let mut command = match self {
            Self::Node => {
                let mut node = Command::new("node");
                node.args(["-e", NODE, &port_text]);
                node
            }
            Self::Uvicorn => python(
                "uvicorn",
                &[
                    "app:uvicorn",
                    "--host",
                    "0.0.0.0",
                    "--port",
                    &port_text,
                    "--timeout-keep-alive",
                    "1",
                    "--no-access-log",
                ],
            ),
            Self::Gunicorn => {
                let bind = format!("0.0.0.0:{port}");
                python(
                    "gunicorn",
                    &[
                        "app:gunicorn",
                        "--bind",
                        &bind,
                        "--worker-class",
                        "gthread",
                        "--threads",
                        "8",
                        "--keep-alive",
                        "1",
                    ],
                )
            }
            Self::Apache => {
                fs::write(directory.join("hook"), "ok").expect("a file can be written");
                let mut apache = configured(system("apache2"), "-f", "httpd.conf", APACHE);
                apache.arg("-DFOREGROUND");
                apache
            }
            Self::Nginx => configured(system("nginx"), "-c", "nginx.conf", NGINX),
        };
        command.current_dir(directory);
        command
    }
}

const NODE: &str = r#"
const server = require("node:http").createServer((request, response) => {
  request.resume();
  request.on("end", () => response.end("ok"));
});
server.keepAliveTimeout = 1000;
server.keepAliveTimeoutBuffer = 0;
server.listen(Number(process.argv[1]), "0.0.0.0");
"#;

const PYTHON: &str = r#"
async def uvicorn(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

def gunicorn(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"#;

/// As Debian has it. Its workers may not run as root.
const APACHE: &str = "
ServerRoot PLACE
ServerName localhost
DefaultRuntimeDir PLACE
PidFile PLACE/pid
ErrorLog PLACE/error.log
Listen 0.0.0.0:PORT
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
User nobody
Group nogroup
DocumentRoot PLACE
KeepAlive On
KeepAliveTimeout 1
MaxKeepAliveRequests 0
";

const NGINX: &str = "
daemon off;
pid PLACE/pid;
error_log PLACE/error.log;
worker_processes 2;
events {}
http {
    access_log off;
    client_body_temp_path PLACE/body;
    proxy_temp_path PLACE/proxy;
    fastcgi_temp_path PLACE/fastcgi;
    uwsgi_temp_path PLACE/uwsgi;
    scgi_temp_path PLACE/scgi;
    keepalive_timeout 1s;
    server {
        listen 0.0.0.0:PORT;
        location / { return 200 ok; }
    }
}
";

/// A server that runs until it is dropped, or the test is over in whatever way.
pub(crate) struct Server {
    pub(crate) port: u16,
    directory: TempDir,
    shell: Child,
}

impl Server {
    /// Starts one, and waits until it answers.
    pub(crate) fn start(kind: Kind) -> Self {
        // Somebody else may take the port before the server does.
        for _ in 0..3 {
            let server = Self::at(kind, free_port());
            if server.comes_up() {
                return server;
            }
            eprintln!("{kind:?} did not come up:\n{}", server.said());
        }
        panic!("{kind:?} cannot be started; .ci/install installs what it needs");
    }

    fn at(kind: Kind, port: u16) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // The workers of some run as somebody else.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let output = fs::File::create(directory.path().join("output")).expect("a file can be made");
        let command = kind.command(directory.path(), port);
        let shell = Command::new("sh")
            .args(["-c", r#""$@" & cat >/dev/null; kill -KILL 0"#, "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(directory.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a file can be cloned"))
            .stderr(output)
            .spawn()
            .expect("a shell runs");
        Self {
            port,
            directory,
            shell,
        }
    }

    fn comes_up(&self) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if self.answers() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let request =
            b"POST /hook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        let mut answer = String::new();
        stream.write_all(request).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    fn said(&self) -> String {
        ["output", "error.log"]
            .map(|file| fs::read_to_string(self.directory.path().join(file)).unwrap_or_default())
            .concat()
    }

    /// The command by which nginx is told to read its settings again.
    pub(crate) fn reload(&self) -> Command {
        let mut command = system("nginx");
        command
            .args(["-s", "reload", "-c"])
            .arg(self.directory.path().join("nginx.conf"))
            .stderr(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A program that stands where only the administrator's shell looks.
fn system(program: &str) -> Command {
    let place = Path::new("/usr/sbin").join(program);
    Command::new(if place.exists() { place } else { program.into() })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}

/// Where the servers of PyPI are installed.
fn python_servers() -> PathBuf {
    let place = binary::meeting_place().join("python-servers");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let installed = Command::new(root.join(".ci/python-servers")).arg(&place).status();
    assert!(
        installed.expect("bash runs").success(),
        "uvicorn and gunicorn cannot be installed"
    );
    place
}
