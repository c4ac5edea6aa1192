//! `audit`: reading what was done, and verifying that none of it was changed.

use clap::{Args, Subcommand};
use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::id::{AuditRecordId, PlatformId};
use webhook_domain::ports::AuditQuery;
use webhook_domain::services::AuditService;
use webhook_http_actix::wire::AuditRecordJson;
use webhook_store_diesel::{AuditHead, AuditVerdict};

use super::Format;
use super::local::{Local, answer, answer_json, print, print_json};
use super::table::table;
use crate::exit::Failure;
use crate::settings::Settings;

/// What to do with audit records.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// List the records of a platform, newest first
    List(ListArguments),
    /// Verify the chain of all records, and print its head; keep that elsewhere, and pass it with --head later
    Verify {
        /// A head that was printed earlier: verify that no record up to it was changed
        #[arg(long, value_name = "HEAD")]
        head: Option<AuditHead>,
    },
}

/// The records to list.
#[derive(Args)]
pub(crate) struct ListArguments {
    /// The platform they belong to
    #[arg(long, default_value = "default")]
    platform: PlatformId,
    /// Only those of this webhook or API key
    #[arg(long, value_name = "ID")]
    resource_id: Option<String>,
    /// Only those of this action, such as WEBHOOK.SECRET_ROLLED
    #[arg(long)]
    action: Option<AuditAction>,
    /// Only those older than this record
    #[arg(long, value_name = "ID")]
    before: Option<AuditRecordId>,
    /// Maximum number of records
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: AuditCommand, format: Format) -> Result<(), Failure> {
    let local = Local::open(settings)?;
    match command {
        AuditCommand::List(arguments) => list(&local, arguments, format),
        AuditCommand::Verify { head } => verify(&local, head, format),
    }
}

fn list(local: &Local, arguments: ListArguments, format: Format) -> Result<(), Failure> {
    let acting = local.acting_on(Some(arguments.platform))?;
    let query = AuditQuery {
        resource_id: arguments.resource_id,
        action: arguments.action,
        before: arguments.before,
        limit: arguments.limit,
    };
    let service = AuditService::new(local.open.store.clone());
    let records = local.wait("list the audit records", service.list(&acting, query))?;
    if format == Format::Json {
        return print_json(&records.iter().map(AuditRecordJson::new).collect::<Vec<_>>());
    }
    let head = [
        "ID",
        "AT",
        "ACTION",
        "RESOURCE",
        "CREDENTIAL",
        "REQUEST",
        "DETAILS",
    ];
    let rows: Vec<_> = records.iter().map(row).collect();
    print(&table(head, &rows))
}

fn row(record: &AuditRecord) -> [String; 7] {
    [
        record.id.to_string(),
        record.at.to_string(),
        record.action.name().to_owned(),
        record.resource_id.clone(),
        record.credential.to_string(),
        record.request.to_string(),
        details(record),
    ]
}

fn details(record: &AuditRecord) -> String {
    let details = &record.details;
    let listed =
        |name: &str, items: &[String]| (!items.is_empty()).then(|| format!("{name} {}", items.join(",")));
    let retired: Vec<_> = details
        .retired_keys
        .iter()
        .map(|key| key.fingerprint.clone())
        .collect();
    let parts = [
        listed("changed", &details.changed_fields),
        details.current_key.as_ref().map(|key| format!("key {key}")),
        listed("retired", &retired),
        listed("ended", &details.ended_keys),
        listed("permissions", &details.permissions),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn verify(local: &Local, kept: Option<AuditHead>, format: Format) -> Result<(), Failure> {
    let verdict = local.wait_for_store(
        "verify the audit records",
        local.open.store.verify_audit_records(kept),
    )?;
    let found = match verdict {
        AuditVerdict::Intact { records, head } => {
            return match format {
                Format::Json => answer_json(
                    &serde_json::json!({"whole": true, "records": records, "head": head.to_string()}),
                ),
                Format::Text => answer(&format!("whole: {records} records\nhead {head}\n")),
            };
        }
        AuditVerdict::Flawed(flaw) => flaw,
    };
    Err(Failure::found(format!(
        "the audit records are not whole: {found}"
    )))
}
