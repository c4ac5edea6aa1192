//! The binary: settings, wiring, command line.
//!
//! The rules are in `webhook-domain`, the store in `webhook-store-diesel`, the API in `webhook-http-actix` on
//! `webhook-front-actix`, deliveries in `webhook-sender-hyper`, bearer tokens in `webhook-token-jwt`, and the verification of a
//! delivery in `webhook-verify`.

mod cli;
mod clock;
mod commands;
mod dispatch;
mod exit;
mod files;
mod logging;
mod metrics;
mod outbound;
mod serve;
mod settings;
mod signals;
mod store;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::commands::Format;
use crate::exit::Failure;
use crate::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let status = match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    logging::flush();
    status
}

fn run(cli: Cli) -> Result<(), Failure> {
    let format = Format::of(cli.json);
    // It looks at settings that others refuse.
    if let Some(Command::Doctor(arguments)) = cli.command {
        return commands::doctor::run(cli.settings.into_sources(), arguments, format);
    }
    let (settings, log_filter) = Settings::load(cli.settings.into_sources()?)?;
    logging::start(match &cli.command {
        Some(Command::Demo(_)) => commands::demo::log_filter(),
        _ => log_filter,
    })?;
    settings.warn();
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(settings),
        Command::Migrate => {
            signals::ignore_hang_up()?;
            commands::migrate::run(settings)
        }
        Command::ApiKey(command) => commands::api_key::run(settings, command, format),
        Command::Webhook(command) => commands::webhook::run(settings, command, format),
        Command::Event(command) => commands::event::run(settings, command, format),
        Command::Rekey(arguments) => {
            signals::ignore_hang_up()?;
            commands::rekey::run(settings, arguments)
        }
        Command::Audit(command) => commands::audit::run(settings, command, format),
        Command::Rotation(command) => commands::rotation::run(settings, command, format),
        Command::Leak(command) => commands::leak::run(settings, command, format),
        Command::Backup(arguments) => commands::backup::run(settings, &arguments, format),
        Command::Compact => commands::compact::run(&settings, format),
        Command::Restore(arguments) => commands::restore::run(settings, arguments, format),
        Command::Deliveries(command) => commands::deliveries::run(settings, command, format),
        Command::Doctor(_) => Ok(()),
        Command::Verify(arguments) => commands::verify::run(&arguments, format),
        Command::Demo(arguments) => commands::demo::run(arguments, format),
        Command::Openapi => commands::openapi(),
        Command::Completions { shell } => commands::completions(shell),
    }
}
