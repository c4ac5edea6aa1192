//! `rotation`: rolling the secrets of many webhooks, one after the other.
//!
//! The command begins a rotation, and the server rolls: so it goes on when the command ends.

mod following;

use clap::{Args, Subcommand};
use webhook_domain::InvalidValue;
use webhook_domain::id::{PlatformId, RotationId, WebhookId};
use webhook_domain::rotation::{ReferencePrefix, Rotation, RotationFilter, Spread};
use webhook_domain::services::{RotationService, StartRotation};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::WebhookFilter;
use webhook_http_actix::wire::{RotationJson, RotationPlanJson};

use super::local::{Local, answer_json, print, print_json, remark};
use super::table::table;
use super::{Format, counted, done, whole_number};
use crate::exit::Failure;
use crate::serve::rotations::service;
use crate::settings::Settings;

/// How many rotations or webhooks are listed at the most.
const LISTED: u32 = 100;

/// What to do with rotations.
#[derive(Subcommand)]
pub(crate) enum RotationCommand {
    /// Say which webhooks a rotation would be about, and begin nothing
    ///
    /// Example: `webhook-server rotation plan --reference-prefix billing-`
    Plan(PlanArguments),
    /// Begin a rotation, and show how far it is until it ends; the server rolls, so it goes on when this command is ended
    ///
    /// The exit status is 1 if it was stopped, or a webhook could not be rolled.
    ///
    /// Example: `webhook-server rotation start --all --spread-seconds 3600`
    Start(StartArguments),
    /// List the rotations of a platform, newest first
    List {
        #[command(flatten)]
        platform: PlatformArgument,
    },
    /// Show a rotation, and the webhooks that were not rolled
    Show {
        #[command(flatten)]
        platform: PlatformArgument,
        /// The rotation's id, rot_…
        id: RotationId,
        /// Show how far it is until it ends
        #[arg(long)]
        follow: bool,
    },
    /// Stop a rotation: no webhook is rolled by it any more
    Stop {
        #[command(flatten)]
        platform: PlatformArgument,
        /// The rotation's id, rot_…
        id: RotationId,
    },
}

/// The platform to act on.
#[derive(Args)]
pub(crate) struct PlatformArgument {
    /// The platform whose webhooks are rolled
    #[arg(long, default_value = "default")]
    platform: PlatformId,
}

/// Which webhooks.
#[derive(Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    platform: PlatformArgument,
    /// All webhooks of the platform; then there is no other condition
    #[arg(long)]
    all: bool,
    /// Only these webhooks, whk_…
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<WebhookId>,
    /// Only those whose reference begins so
    #[arg(long, value_parser = prefix)]
    reference_prefix: Option<ReferencePrefix>,
    /// Only those whose secret was last rolled or removed, or else made, before an instant like 2024-04-12T15:22:37Z
    #[arg(long, value_name = "INSTANT")]
    rolled_before: Option<Instant>,
    /// Only those that sign by this protocol
    #[arg(long, value_name = "PROTOCOL")]
    signing_protocol: Option<SigningProtocol>,
    /// Only those that are active, or that are not: true or false
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    /// For how many seconds the key before goes on signing: 0 to 604800
    #[arg(long, value_name = "SECONDS", value_parser = overlap, allow_negative_numbers = true)]
    previous_secret_expires_in: Option<Overlap>,
    /// Keep the key before beyond that until the receiver was shown to verify with the new one, at most for 30 days
    #[arg(long)]
    keep_previous_until_adopted: bool,
}

/// A rotation to be begun.
#[derive(Args)]
pub(crate) struct StartArguments {
    #[command(flatten)]
    plan: PlanArguments,
    /// Over how many seconds the webhooks are spread evenly: 0 (as fast as it goes) to 604800
    #[arg(long, value_name = "SECONDS", value_parser = spread, allow_negative_numbers = true)]
    spread_seconds: Spread,
    /// Stop after so many failures
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    stop_after_failures: Option<u32>,
    /// How many webhooks it must be about, as `plan` says; needed with --previous-secret-expires-in 0
    #[arg(long, value_name = "NUMBER")]
    confirm_total: Option<u64>,
    /// Begin it, and do not wait for its end
    #[arg(long)]
    detach: bool,
}

impl PlanArguments {
    /// What they ask for.
    fn start(self) -> (PlatformId, StartRotation) {
        let filter = RotationFilter {
            all: self.all,
            ids: (!self.ids.is_empty()).then(|| self.ids.into_iter().collect()),
            reference_prefix: self.reference_prefix,
            others: WebhookFilter {
                active: self.active,
                rolled_before: self.rolled_before,
                signing_protocol: self.signing_protocol,
                ..WebhookFilter::default()
            },
        };
        let start = StartRotation {
            filter,
            overlap: self.previous_secret_expires_in,
            keeps_previous_until_adopted: self.keep_previous_until_adopted,
            ..StartRotation::default()
        };
        (self.platform.platform, start)
    }
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: RotationCommand, format: Format) -> Result<(), Failure> {
    let default_overlap = settings.previous_secret_ttl;
    let local = Local::open(settings)?;
    let service = service(&local.open, default_overlap);
    match command {
        RotationCommand::Plan(arguments) => plan(&local, &service, arguments, format),
        RotationCommand::Start(arguments) => start(&local, &service, arguments, format),
        RotationCommand::List { platform } => list(&local, &service, platform.platform, format),
        RotationCommand::Show { platform, id, follow } => {
            let rotation = following::read(&local, &service, &platform.platform, id)?;
            match follow {
                true => following::follow(&local, &service, &rotation, format),
                false => show(&local, &service, &rotation, format),
            }
        }
        RotationCommand::Stop { platform, id } => stop(&local, &service, platform.platform, id, format),
    }
}

fn plan(
    local: &Local,
    service: &RotationService,
    arguments: PlanArguments,
    format: Format,
) -> Result<(), Failure> {
    let (platform, start) = arguments.start();
    let acting = local.acting_on(Some(platform))?;
    let planned = local.wait("plan a rotation", service.plan(&acting, &start))?;
    if format == Format::Json {
        return print_json(&RotationPlanJson::new(&planned));
    }
    let shown = planned.first.len() as u64;
    remark(&format!(
        "nothing was begun; it would be about {}",
        counted(planned.total, "webhook")
    ));
    if shown < planned.total {
        remark(&format!("these are the first {shown}"));
    }
    let ids: Vec<String> = planned.first.iter().map(|id| format!("{id}\n")).collect();
    print(&ids.concat())
}

fn start(
    local: &Local,
    service: &RotationService,
    arguments: StartArguments,
    format: Format,
) -> Result<(), Failure> {
    let (platform, planned) = arguments.plan.start();
    let start = StartRotation {
        spread: arguments.spread_seconds,
        stop_after_failures: arguments.stop_after_failures,
        confirm_total: arguments.confirm_total,
        ..planned
    };
    let acting = local.acting_on(Some(platform))?;
    let doing = "begin a rotation";
    let begun = done(local.wait(doing, service.start(&acting, start))?, doing)?;
    remark(&format!(
        "began {} of {}",
        begun.id,
        counted(begun.totals.total, "webhook")
    ));
    match arguments.detach {
        true => answer(&begun, format),
        false => following::follow(local, service, &begun, format),
    }
}

fn list(
    local: &Local,
    service: &RotationService,
    platform: PlatformId,
    format: Format,
) -> Result<(), Failure> {
    let acting = local.looking_at(platform)?;
    let rotations = local.wait("list rotations", service.list(&acting, None, LISTED))?;
    if format == Format::Json {
        let shown: Vec<_> = rotations.iter().map(RotationJson::new).collect();
        return print_json(&shown);
    }
    let rows: Vec<_> = rotations.iter().map(row).collect();
    print(&table(HEAD, &rows))
}

const HEAD: [&str; 8] = [
    "ID", "STATUS", "TOTAL", "ROLLED", "ADOPTED", "SKIPPED", "FAILED", "CREATED",
];

fn row(rotation: &Rotation) -> [String; 8] {
    let totals = rotation.totals;
    let status = match rotation.stop_reason {
        Some(reason) => format!("{} ({})", rotation.status.name(), reason.name()),
        None => rotation.status.name().to_owned(),
    };
    [
        rotation.id.to_string(),
        status,
        totals.total.to_string(),
        totals.rolled.to_string(),
        totals.adopted.to_string(),
        totals.skipped.to_string(),
        totals.failed.to_string(),
        rotation.created_at.to_string(),
    ]
}

/// The rotation, and of its first webhooks those that were not rolled.
fn show(
    local: &Local,
    service: &RotationService,
    rotation: &Rotation,
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        return print_json(&RotationJson::new(rotation));
    }
    print(&table(HEAD, &[row(rotation)]))?;
    let acting = local.looking_at(rotation.platform.clone())?;
    let mut rows = Vec::new();
    let mut from = 0;
    while from < rotation.totals.total && rows.len() < LISTED as usize {
        let page = service.webhooks(&acting, rotation.id, from, 1_000);
        let (_, webhooks) = local.wait("list the rotation's webhooks", page)?;
        let Some(last) = webhooks.last() else { break };
        from = last.number + 1;
        for webhook in &webhooks {
            if let Some((settled, _)) = webhook.settled
                && let Some(reason) = settled.reason()
            {
                rows.push([
                    webhook.webhook.to_string(),
                    settled.outcome().to_owned(),
                    reason.to_owned(),
                ]);
            }
        }
    }
    rows.truncate(LISTED as usize);
    match rows.is_empty() {
        true => Ok(()),
        false => print(&table(["WEBHOOK", "OUTCOME", "REASON"], &rows)),
    }
}

fn stop(
    local: &Local,
    service: &RotationService,
    platform: PlatformId,
    id: RotationId,
    format: Format,
) -> Result<(), Failure> {
    let acting = local.acting_on(Some(platform))?;
    let doing = "stop the rotation";
    let stopped = done(local.wait(doing, service.stop(&acting, id, None))?, doing)?;
    remark(&format!(
        "stopped {id}; to go on, start another one with --rolled-before {}",
        stopped.created_at
    ));
    answer(&stopped, format)
}

fn answer(rotation: &Rotation, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => answer_json(&RotationJson::new(rotation)),
        Format::Text => print(&format!("{}\n", rotation.id)),
    }
}

fn overlap(text: &str) -> Result<Overlap, InvalidValue> {
    Overlap::from_seconds(whole_number(text).ok_or(Overlap::invalid())?)
}

fn spread(text: &str) -> Result<Spread, InvalidValue> {
    Spread::from_seconds(whole_number(text).ok_or(Spread::invalid())?)
}

fn prefix(text: &str) -> Result<ReferencePrefix, InvalidValue> {
    ReferencePrefix::parse(text.to_owned())
}
