//! `doctor`: looks at the settings, the files, the database, the machine and the way to a receiver, and says what is wrong and what to do.
//!
//! | where | looks at |
//! |---|---|
//! | `settings` | the settings, and the files that they name |
//! | `files` | who may do what with the files of a deployment on SQLite, and the room on its disk |
//! | `database` | whether the database is there, durable, of this release, and opened by the master key; its clock |
//! | `machine` | the clock and file descriptors |
//! | `listening` | the addresses to listen on: free, or who listens there |
//! | `reach` | the way to a receiver: names, the guard, connections, TLS, the proxy |
//!
//! It changes nothing: no database is made, no key, nothing is migrated, no lock is held. Each check runs aside and has a time limit. What a
//! start would refuse, or what keeps the service from its work, is FAIL; what a start would warn of, or what may become a failure, is WARN.

mod database;
mod files;
mod finding;
mod listening;
mod machine;
mod reach;
mod report;
mod settings;

use std::ffi::OsString;

use clap::Args;
use tracing_subscriber::EnvFilter;
use webhook_domain::id::{PlatformId, WebhookId};

use self::finding::{Finding, Status};
use self::report::Report;
use super::{Format, counted};
use crate::exit::Failure;
use crate::logging;
use crate::settings::{Examined, Setting, Sources};

/// What to look at beside the deployment itself.
#[derive(Args)]
pub(crate) struct DoctorArguments {
    /// Also check the connection to this URL: DNS, each address against the rules, TCP, TLS, the egress proxy. Nothing is sent
    #[arg(long, conflicts_with = "webhook")]
    url: Option<String>,
    /// Also check this webhook, whk_…, and the connection to its URL
    #[arg(long, value_name = "ID")]
    webhook: Option<WebhookId>,
    /// The platform that the webhook belongs to
    #[arg(long, default_value = "default")]
    platform: PlatformId,
}

/// The receiver whose way is looked at.
enum Target {
    Url(String),
    Webhook(PlatformId, WebhookId),
}

/// Looks at everything, and says what it has found.
pub(crate) fn run<Variables>(
    sources: Result<Sources<Variables>, Failure>,
    arguments: DoctorArguments,
    format: Format,
) -> Result<(), Failure>
where
    Variables: IntoIterator<Item = (OsString, OsString)>,
{
    let mut report = Report::new(format);
    let examined = match sources.and_then(Examined::of) {
        Ok(examined) => examined,
        Err(failure) => {
            logging::start(EnvFilter::new("off"))?;
            let advice = "mend what is said; nothing else was checked";
            report.add("settings", Finding::fail(failure.message(), advice))?;
            report.end()?;
            return Err(failure);
        }
    };
    // What is logged on the way is found out here by itself, and told once.
    logging::start(
        examined
            .log_filter
            .clone()
            .unwrap_or_else(|| EnvFilter::new("off")),
    )?;
    let target = match (arguments.url, arguments.webhook) {
        (Some(url), _) => Some(Target::Url(url)),
        (None, Some(id)) => Some(Target::Webhook(arguments.platform, id)),
        (None, None) => None,
    };
    examine(&mut report, &examined, target)?;
    let (failed, warned) = (report.count(Status::Fail), report.count(Status::Warn));
    report.end()?;
    let found = format!("{} failed, {warned} warned", counted(failed, "check"));
    match failed {
        0 => Ok(()),
        _ if examined.problems.is_empty() => Err(Failure::found(found)),
        _ => Err(Failure::configuration(found)),
    }
}

fn examine(report: &mut Report, examined: &Examined, target: Option<Target>) -> Result<(), Failure> {
    settings::examine(report, examined)?;
    let is_right = |settings: &[Setting]| settings.iter().all(|setting| !examined.wrong.contains(setting));
    let settings = &examined.settings;
    let has_database = is_right(&[Setting::DatabaseUrl]);
    let has_key = has_database && is_right(&[Setting::MasterKey, Setting::MasterKeyFile]);
    if has_database {
        files::examine(report, settings)?;
    }
    let mut webhook = None;
    if has_key {
        let wanted = match &target {
            Some(Target::Webhook(platform, id)) => Some((platform.clone(), *id)),
            _ => None,
        };
        webhook = database::examine(report, settings, wanted)?;
    }
    machine::examine(report)?;
    let right = (is_right(&[Setting::Listen]), is_right(&[Setting::MetricsListen]));
    listening::examine(report, settings, right)?;
    let url = match target {
        Some(Target::Url(url)) => Some(url),
        Some(Target::Webhook(..)) => webhook,
        None => None,
    };
    match url {
        Some(url) => reach::examine(report, examined, url),
        None => Ok(()),
    }
}
