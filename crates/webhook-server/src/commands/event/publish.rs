//! `event publish`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::de::IgnoredAny;
use webhook_domain::delivery::event::JsonText;
use webhook_domain::id::RequestId;
use webhook_domain::services::PublishEvent;
use webhook_http_actix::HttpLimits;
use webhook_http_actix::wire::EventJson;

use super::{PlatformArgument, events};
use crate::commands::local::{Local, answer, answer_json, remark};
use crate::commands::{Format, counted, done};
use crate::exit::Failure;
use crate::files::actions::catalogue;
use crate::settings::Settings;

/// The event to publish.
#[derive(Args)]
pub(crate) struct PublishArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// What happened: an action of this deployment, such as INVOICE.PAID
    #[arg(long = "type", value_name = "ACTION")]
    action: String,
    /// File that holds what there is to say of it, one JSON value; - reads standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    data_file: PathBuf,
    /// File that holds what the resource was before, one JSON value, for webhooks that include it; - reads standard input
    #[arg(long, value_name = "FILE")]
    previous_data_file: Option<PathBuf>,
    /// The request that made it happen
    #[arg(long, value_name = "ID")]
    original_request_id: Option<RequestId>,
}

/// Publishes the event.
pub(super) fn run(settings: Settings, arguments: PublishArguments, format: Format) -> Result<(), Failure> {
    let platform = arguments.platform.platform.clone();
    let catalogue = catalogue(settings.actions_file.as_deref())?;
    let action = catalogue
        .publishable(arguments.action)
        .map_err(|problem| Failure::configuration(format!("--type {problem}")))?;
    // Before the database is opened: whoever feeds standard input may take long.
    let (data, previous_data) = contents(&arguments.data_file, arguments.previous_data_file.as_deref())?;
    let publish = PublishEvent {
        action,
        data,
        previous_data,
        original_request_id: arguments.original_request_id,
        trace: None,
        idempotent: None,
    };
    let local = Local::open(settings)?;
    let acting = local.acting_on(Some(platform))?;
    let doing = "publish the event";
    let published = done(
        local.wait(doing, events(&local).publish(&acting, publish))?,
        doing,
    )?;
    remark(&format!(
        "published {}; it goes to {}",
        published.event.action.as_str(),
        counted(published.deliveries, "webhook")
    ));
    if published.deliveries > 0 {
        local.remark_pause()?;
    }
    match format {
        Format::Json => answer_json(&EventJson::new(&published)),
        Format::Text => answer(&format!("{}\n", published.event.id)),
    }
}

/// What the files hold: together no more than an event may have over HTTP.
fn contents(data: &Path, previous: Option<&Path>) -> Result<(JsonText, Option<JsonText>), Failure> {
    let is_standard_input = |file: &Path| file == Path::new("-");
    if is_standard_input(data) && previous.is_some_and(is_standard_input) {
        return Err(Failure::configuration(
            "--data-file and --previous-data-file must not both read standard input",
        ));
    }
    let mut room = HttpLimits::default().max_event_bytes;
    let mut read = |flag: &str, file: &Path| {
        let bytes = read(flag, file, room)?;
        room -= bytes.len();
        json(flag, &bytes)
    };
    let data = read("--data-file", data)?;
    if data.is_null() {
        return Err(Failure::configuration("what --data-file holds must not be null"));
    }
    let previous = previous
        .map(|file| read("--previous-data-file", file))
        .transpose()?;
    Ok((data, previous.filter(|previous| !previous.is_null())))
}

/// What a file holds, or standard input does, up to its end. Not more is read than there is room for.
fn read(flag: &str, file: &Path, room: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let bound = room as u64 + 1;
    let outcome = if file == Path::new("-") {
        if io::stdin().is_terminal() {
            remark(&format!(
                "{flag}: reading JSON from the terminal; end it with Ctrl-D"
            ));
        }
        io::stdin().take(bound).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(bound).read_to_end(&mut bytes))
    };
    outcome.map_err(|error| Failure::cannot(&format!("read {flag} {}", file.display()), &error))?;
    if bytes.len() > room {
        return Err(Failure::configuration(format!(
            "what {flag} holds is too long: an event has at most {} bytes, with what the resource was before",
            HttpLimits::default().max_event_bytes
        )));
    }
    Ok(bytes)
}

fn json(flag: &str, bytes: &[u8]) -> Result<JsonText, Failure> {
    let wrong = |problem: String| Failure::configuration(format!("what {flag} holds {problem}"));
    let json = JsonText::parse(bytes).map_err(|problem| {
        let place = match serde_json::from_slice::<IgnoredAny>(bytes) {
            Err(error) => format!("; see line {}, column {}", error.line(), error.column()),
            Ok(_) => String::new(),
        };
        match bytes.is_empty() {
            true => wrong(format!("{problem}, and is empty")),
            false => wrong(format!("{problem}{place}")),
        }
    })?;
    json.check_depth().map_err(|problem| wrong(problem.to_string()))?;
    Ok(json)
}
