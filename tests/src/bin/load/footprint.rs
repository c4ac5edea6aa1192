//! What the server costs while nobody calls: its memory, the time it takes to be ready, the size of the binary.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use webhook_tests::{Backend, Client, Deployment, Service, binary, fixtures::create};

/// Starts measured, of which the median counts.
const STARTS: usize = 11;

/// Measures on an existing SQLite database and prints.
pub(crate) fn measure() {
    let size = fs::metadata(binary::path()).expect("the binary is there").len();
    println!("binary: {:.1} MB", size as f64 / 1e6);
    let mut service = Service::start(Backend::Sqlite);
    create(&service.client());
    service.take_server().stop();
    let mut times: Vec<Duration> = (0..STARTS)
        .map(|_| time_until_ready(service.deployment()))
        .collect();
    times.sort_unstable();
    println!(
        "ready after: {:.1} ms (median of {STARTS})",
        times[STARTS / 2].as_secs_f64() * 1e3
    );
    service.start_again();
    sleep(Duration::from_secs(3));
    println!("idle memory: {:.1} MiB", resident_mib(service.server().pid()));
}

/// The resident memory of process `pid`, in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process has a status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("its status has its memory");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("in kB");
    kib / 1024.0
}

/// From the start of the process to the first 200 of `/health/ready`, asked over and over.
fn time_until_ready(deployment: &Deployment) -> Duration {
    let address = free_address();
    let mut command = deployment.command(&[]);
    command
        .env("WEBHOOK_LISTEN", address.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().expect("it runs");
    let client = Client::anonymous(address);
    while !client
        .get("/health/ready")
        .unchecked()
        .try_send()
        .is_ok_and(|answer| answer.status == 200)
    {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "the server does not come up"
        );
        sleep(Duration::from_micros(500));
    }
    let took = began.elapsed();
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    took
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("a listener has an address")
}
