//! `api-key`: making, listing and revoking API keys.

use std::time::Duration;

use clap::{Args, Subcommand};
use webhook_domain::api_key::ApiKey;
use webhook_domain::caller::PlatformScope;
use webhook_domain::id::ApiKeyId;
use webhook_domain::permission::{Permission, PermissionSet};
use webhook_domain::services::CreateApiKey;

use super::local::{Local, answer, remark};
use super::table::table;
use crate::exit::Failure;
use crate::settings::Settings;

/// How many keys are read at a time.
const STEP: u32 = 200;

/// What to do with API keys.
#[derive(Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Make a key and print it, alone, on standard output; it cannot be had again
    Create(CreateArguments),
    /// List all keys, revoked and expired ones too; their texts are not kept
    List,
    /// Revoke a key: it is good for nothing from then on
    Revoke {
        /// The key's id, key_…
        id: ApiKeyId,
    },
}

/// The key to make.
#[derive(Args)]
pub(crate) struct CreateArguments {
    /// The platform it is good for, or * for all
    #[arg(long, value_name = "PLATFORM|*")]
    platform: PlatformScope,
    /// What it may do, such as WEBHOOK.CREATE; several with spaces or commas between them, or with the flag again
    #[arg(
        long = "permission",
        num_args = 1..,
        value_delimiter = ',',
        value_name = "PERMISSION",
        required_unless_present = "all_permissions"
    )]
    permissions: Vec<Permission>,
    /// It may do everything
    #[arg(long, conflicts_with = "permissions")]
    all_permissions: bool,
    /// Seconds it is good for; for ever, if not given
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    expires_in: Option<u64>,
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: ApiKeyCommand) -> Result<(), Failure> {
    match command {
        ApiKeyCommand::Create(arguments) => create(&Local::open_or_make(settings)?, arguments),
        ApiKeyCommand::List => list(&Local::open(settings)?),
        ApiKeyCommand::Revoke { id } => revoke(&Local::open(settings)?, id),
    }
}

fn create(local: &Local, arguments: CreateArguments) -> Result<(), Failure> {
    let permissions = if arguments.all_permissions {
        PermissionSet::all()
    } else {
        arguments.permissions.into_iter().collect()
    };
    let create = CreateApiKey {
        scope: arguments.platform,
        permissions,
        lifetime: arguments.expires_in.map(Duration::from_secs),
    };
    let acting = local.acting_on(None)?;
    let created = local.wait("make the API key", local.open.api_keys().create(&acting, create))?;
    remark(&format!("made {}", created.key.id));
    answer(&format!("{}\n", created.text.expose()))
}

fn list(local: &Local) -> Result<(), Failure> {
    let acting = local.acting_on(None)?;
    let service = local.open.api_keys();
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let keys = local.wait("list the API keys", service.list(&acting, after, STEP))?;
        rows.extend(keys.iter().map(row));
        after = keys.last().map(|key| key.id);
        if keys.len() < STEP as usize {
            break;
        }
    }
    let head = ["ID", "PLATFORM", "PERMISSIONS", "CREATED", "EXPIRES", "REVOKED"];
    answer(&table(head, &rows))
}

fn row(key: &ApiKey) -> [String; 6] {
    let or_never = |instant: Option<webhook_domain::time::Instant>| {
        instant.map_or_else(|| "never".to_owned(), |instant| instant.to_string())
    };
    [
        key.id.to_string(),
        key.scope.to_string(),
        permissions(key.permissions),
        key.created_at.to_string(),
        or_never(key.expires_at),
        key.revoked_at
            .map(|instant| instant.to_string())
            .unwrap_or_default(),
    ]
}

fn permissions(set: PermissionSet) -> String {
    if set == PermissionSet::all() {
        return "all".to_owned();
    }
    set.iter().map(Permission::name).collect::<Vec<_>>().join(",")
}

fn revoke(local: &Local, id: ApiKeyId) -> Result<(), Failure> {
    let acting = local.acting_on(None)?;
    local.wait("revoke the API key", local.open.api_keys().revoke(&acting, id))?;
    remark(&format!("revoked {id}"));
    Ok(())
}
