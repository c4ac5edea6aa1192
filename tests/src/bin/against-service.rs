//! Runs a command against throwaway services, one after another: a black-box test that is not written in Rust.
//!
//! ```text
//! cargo run -p webhook-tests --bin against-service -- --database sqlite,postgres -- sh -c 'curl $WEBHOOK_TEST_URL/health/ready'
//! ```
//!
//! The command finds the service at `WEBHOOK_TEST_URL` and an API key of every permission on every platform in
//! `WEBHOOK_TEST_API_KEY`. Its failure is this program's, and so is a service that does not live through it.

use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};
use webhook_tests::{Backend, Deployment, Service, service::ALL_PERMISSIONS};

/// Runs a command against a throwaway webhook-server.
#[derive(Debug, Parser)]
struct Options {
    /// On which databases
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sqlite,postgres")]
    database: Vec<Database>,
    /// A setting of the service, such as WEBHOOK_ALLOW_HTTP=true
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    let options = Options::parse();
    for &database in &options.database {
        println!("\n=== {database:?}");
        if !is_well(database, &options) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn is_well(database: Database, options: &Options) -> bool {
    let backend = match database {
        Database::Sqlite => Backend::Sqlite,
        Database::Postgres => Backend::Postgres,
    };
    // Whoever tests what is refused is refused more often than is usual.
    let mut deployment = Deployment::new(backend).with("WEBHOOK_FAILED_AUTHENTICATIONS_PER_SECOND", "0");
    for (name, value) in &options.set {
        deployment.set(name, value);
    }
    let service = Service::start_on(deployment);
    let status = Command::new(&options.command[0])
        .args(&options.command[1..])
        .env(
            "WEBHOOK_TEST_URL",
            format!("http://{}", service.server().address()),
        )
        .env(
            "WEBHOOK_TEST_API_KEY",
            service.deployment().create_key("*", &ALL_PERMISSIONS, &[]),
        )
        .status()
        .expect("the command runs");
    let ready = service.anonymous().get("/health/ready").send().status;
    let panicked = service.server().output().contains("panicked");
    if !status.success() || ready != 200 || panicked {
        println!("{status}; the service's readiness: {ready}; panicked: {panicked}");
    }
    status.success() && ready == 200 && !panicked
}
