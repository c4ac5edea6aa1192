//! What the black-box tests stand on: a running `webhook-server`, a database for it, and a client.
//!
//! Nothing here knows the code of the service. A test starts the built binary the way an operator would, talks to it
//! the way a client would, and reads what is left on the disk. What it expects comes from the API contract.
//!
//! A test is a function of the database it runs on, and [`on_each_database!`] makes a `#[test]` of it for each:
//!
//! ```no_run
//! use webhook_tests::{Backend, Service, fixtures, on_each_database};
//!
//! on_each_database!(a_roll_gives_a_new_key);
//!
//! fn a_roll_gives_a_new_key(backend: Backend) {
//!     let service = Service::start(backend);
//!     let client = service.client();
//!     let webhook = fixtures::create(&client);
//!     let rolled = client.patch(&webhook.secret_path()).send().expect_status(200).json();
//!     assert_ne!(rolled["secret_key"], webhook.json["secret_key"]);
//! }
//! ```
//!
//! [`postgres`] says how the PostgreSQL cluster comes and goes, [`binary`] which binary is tested. Nothing is ever
//! skipped: what cannot run fails, and says what is missing.

pub mod answer;
pub mod binary;
pub mod book;
pub mod client;
pub mod clock;
pub mod deployment;
pub mod fixtures;
pub mod issuer;
pub mod leaks;
pub mod pem;
pub mod postgres;
pub mod raw;
pub mod receiver;
pub mod server;
pub mod service;
pub mod shifted_clock;
pub mod spellings;
pub mod sqlite;

pub use answer::{Answer, Refusal};
pub use client::Client;
pub use deployment::{Backend, Deployment};
pub use server::Server;
pub use service::Service;

/// Makes two `#[test]`s of each function named, `on_sqlite::<name>` and `on_postgresql::<name>`. A function forgotten
/// here is dead code, which the build refuses.
#[macro_export]
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name($crate::Backend::Sqlite); })+
        }
        mod on_postgresql {
            $(#[test] fn $name() { super::$name($crate::Backend::Postgres); })+
        }
    };
}

/// The number in environment variable `name`, or `default`: how long a proof runs, see `tests/README.md`.
pub fn knob(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number, not `{text}`")),
        Err(_) => default,
    }
}
