//! `api-key`: making, listing and revoking API keys.

use std::time::Duration;

use clap::{Args, Subcommand};
use webhook_domain::InvalidValue;
use webhook_domain::access::api_key::{self, ApiKey, INVALID_LIFETIME};
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::id::ApiKeyId;
use webhook_domain::services::{CreateApiKey, RevokeApiKey};
use webhook_domain::webhook::Name;
use webhook_http_actix::wire::ApiKeyJson;

use super::local::{Local, answer, answer_json, print, print_json, remark};
use super::table::table;
use super::{Format, done, whole_number};
use crate::exit::Failure;
use crate::settings::Settings;

/// How many keys are read at a time.
const STEP: u32 = 200;

/// What to do with API keys.
#[derive(Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// Create an API key and print it alone on standard output; it cannot be shown again. Needs --permission or --all-permissions
    Create(CreateArguments),
    /// List all keys, also revoked and expired ones; the keys themselves are not stored
    ///
    /// Example: `webhook-server api-key list --platform acme`
    List {
        /// Only those of this platform, or with * those that are valid for all; the keys of all platforms, if not given
        #[arg(long, value_name = "PLATFORM|*")]
        platform: Option<PlatformScope>,
    },
    /// Revoke a key; it is refused at once
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
    /// A name for people
    #[arg(long)]
    name: Option<String>,
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
    /// Seconds until it expires, 1 to 315360000; never, if not given
    #[arg(long, value_name = "SECONDS", value_parser = lifetime, allow_negative_numbers = true)]
    expires_in: Option<Duration>,
}

fn lifetime(text: &str) -> Result<Duration, InvalidValue> {
    api_key::lifetime(whole_number(text).ok_or(INVALID_LIFETIME)?)
}

/// Does what `command` says.
pub(crate) fn run(settings: Settings, command: ApiKeyCommand, format: Format) -> Result<(), Failure> {
    match command {
        ApiKeyCommand::Create(arguments) => {
            let platform = arguments.platform.clone();
            let wanted = wanted(arguments)?;
            create(&Local::open_or_make(settings)?, platform, wanted, format)
        }
        ApiKeyCommand::List { platform } => list(&Local::open(settings)?, platform.as_ref(), format),
        ApiKeyCommand::Revoke { id } => revoke(&Local::open(settings)?, id, format),
    }
}

/// The operator on the platform that keys of `scope` belong to.
fn acting_on_scope(local: &Local, scope: PlatformScope) -> Result<Acting, Failure> {
    local.acting_on(match scope {
        PlatformScope::One(platform) => Some(platform),
        PlatformScope::All => None,
    })
}

fn wanted(arguments: CreateArguments) -> Result<CreateApiKey, Failure> {
    let permissions = if arguments.all_permissions {
        PermissionSet::all()
    } else {
        set_of(&arguments.permissions)?
    };
    let name = arguments.name.map(Name::parse).transpose();
    Ok(CreateApiKey {
        name: name.map_err(|problem| Failure::configuration(format!("--name {problem}")))?,
        scope: arguments.platform,
        permissions,
        lifetime: arguments.expires_in,
        idempotent: None,
    })
}

/// One that is given twice is a mistake, here as in the API.
fn set_of(permissions: &[Permission]) -> Result<PermissionSet, Failure> {
    let is_twice = |(index, permission): (usize, &Permission)| permissions[..index].contains(permission);
    match permissions.iter().enumerate().position(is_twice) {
        Some(index) => Err(Failure::configuration(format!(
            "--permission (number {}) must not be listed twice",
            index + 1
        ))),
        None => Ok(permissions.iter().copied().collect()),
    }
}

fn create(
    local: &Local,
    platform: PlatformScope,
    create: CreateApiKey,
    format: Format,
) -> Result<(), Failure> {
    let acting = acting_on_scope(local, platform)?;
    let doing = "make the API key";
    let created = done(
        local.wait(doing, local.open.api_keys().create(&acting, create))?,
        doing,
    )?;
    if format == Format::Json {
        return answer_json(&ApiKeyJson::with_text(&created));
    }
    remark(&format!("made {}", created.key.id));
    answer(&format!("{}\n", created.text.expose()))
}

fn list(local: &Local, platform: Option<&PlatformScope>, format: Format) -> Result<(), Failure> {
    let acting = local.acting_on(None)?;
    let service = local.open.api_keys();
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let keys = local.wait("list the API keys", service.list_all(&acting, after, STEP))?;
        after = keys.last().map(|key| key.id);
        let is_last = keys.len() < STEP as usize;
        all.extend(
            keys.into_iter()
                .filter(|key| platform.is_none_or(|platform| key.scope == *platform)),
        );
        if is_last {
            break;
        }
    }
    if format == Format::Json {
        return print_json(&all.iter().map(ApiKeyJson::new).collect::<Vec<_>>());
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    let head = [
        "ID",
        "NAME",
        "PLATFORM",
        "PERMISSIONS",
        "CREATED",
        "EXPIRES",
        "REVOKED",
    ];
    print(&table(head, &rows))
}

fn row(key: &ApiKey) -> [String; 7] {
    let or_never = |instant: Option<webhook_domain::time::Instant>| {
        instant.map_or_else(|| "never".to_owned(), |instant| instant.to_string())
    };
    [
        key.id.to_string(),
        key.name.as_ref().map_or("", Name::as_str).to_owned(),
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

fn revoke(local: &Local, id: ApiKeyId, format: Format) -> Result<(), Failure> {
    let doing = "revoke the API key";
    let service = local.open.api_keys();
    let scope = local.wait(doing, service.scope_of(&local.acting_on(None)?, id))?;
    let acting = acting_on_scope(local, scope)?;
    let revoked = done(
        local.wait(doing, service.revoke(&acting, id, RevokeApiKey::default()))?,
        doing,
    )?;
    if format == Format::Json {
        return answer_json(&ApiKeyJson::new(&revoked));
    }
    remark(&format!("revoked {id}"));
    Ok(())
}
