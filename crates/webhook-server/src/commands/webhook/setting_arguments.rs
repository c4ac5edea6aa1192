//! What can be set of a webhook, as flags: the same when it is created, changed, or only tried out.

use std::path::PathBuf;

use clap::Args;
use webhook_domain::InvalidValue;
use webhook_domain::webhook::{
    ActionCatalogue, ActionList, ApiHeaderField, ApiKeyValue, AuthenticationType, Edit, Name, Password,
    Reference, RotationDays, Settings, SettingsUpdate, TargetPolicy, TargetUrl, Username,
};

use super::custom_headers::custom_headers;
use super::secret_file::{refuse_two_of_standard_input, secret};
use crate::exit::Failure;

/// What to set. What no flag names stays as it is, or as it is for a new webhook.
#[derive(Args)]
pub(super) struct SettingArguments {
    /// Where deliveries go
    #[arg(long)]
    url: Option<String>,
    /// Deliver nowhere
    #[arg(long, conflicts_with = "url")]
    no_url: bool,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// No name
    #[arg(long, conflicts_with = "name")]
    no_name: bool,
    /// The platform's own name for it, unique among its webhooks
    #[arg(long)]
    reference: Option<String>,
    /// No reference
    #[arg(long, conflicts_with = "reference")]
    no_reference: bool,
    /// Whether events are collected and delivered
    #[arg(long, value_name = "BOOLEAN")]
    active: Option<bool>,
    /// Whether deliveries have previous_data
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true")]
    include_previous_data: Option<bool>,
    /// PASSWORD, API_KEY or NONE
    #[arg(long, value_name = "TYPE")]
    authentication_type: Option<AuthenticationType>,
    /// The user name for PASSWORD
    #[arg(long)]
    username: Option<String>,
    /// File that holds the password for PASSWORD; - reads standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The header for API_KEY
    #[arg(long, value_name = "NAME")]
    api_header_field: Option<String>,
    /// File that holds the key for API_KEY; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "password_file")]
    api_key_file: Option<PathBuf>,
    /// File that holds headers to be sent with every delivery, instead of those before: lines `Name: value`, or `Name:` to keep the
    /// stored value; - reads standard input
    #[arg(long, value_name = "FILE")]
    custom_headers_file: Option<PathBuf>,
    /// No custom headers
    #[arg(long, conflicts_with = "custom_headers_file")]
    no_custom_headers: bool,
    /// An action (event type) to subscribe to, such as INVOICE.CREATED, instead of those before; repeatable
    #[arg(long = "action", value_name = "ACTION")]
    included_actions: Vec<String>,
    /// Subscribe to all actions
    #[arg(long, conflicts_with = "included_actions")]
    all_actions: bool,
    /// An action to exclude, even if it is included, instead of those before; repeatable
    #[arg(long = "excluded-action", value_name = "ACTION")]
    excluded_actions: Vec<String>,
    /// Exclude no action
    #[arg(long, conflicts_with = "excluded_actions")]
    no_excluded_actions: bool,
    /// Days after which the secret is due for a roll, 1 to 730
    #[arg(long, value_name = "DAYS")]
    secret_rotation_days: Option<String>,
    /// Due as the deployment has it
    #[arg(long, conflicts_with = "secret_rotation_days")]
    no_secret_rotation_days: bool,
    /// Whether the service rolls a key that is due, for receivers that look Ed25519 keys up
    #[arg(long, value_name = "BOOLEAN", num_args = 0..=1, default_missing_value = "true")]
    secret_rotates_automatically: Option<bool>,
}

impl SettingArguments {
    /// The update of `stored` that the flags ask for. Reads the files that hold secrets.
    ///
    /// # Errors
    /// Names the flag whose value is wrong.
    pub(super) fn update(
        self,
        stored: &Settings,
        targets: &TargetPolicy,
        catalogue: &ActionCatalogue,
    ) -> Result<SettingsUpdate, Failure> {
        refuse_two_of_standard_input([
            ("--password-file", &self.password_file),
            ("--api-key-file", &self.api_key_file),
            ("--custom-headers-file", &self.custom_headers_file),
        ])?;
        let kept = SettingsUpdate::new(
            self.active.unwrap_or(stored.active),
            self.include_previous_data.unwrap_or(stored.include_previous_data),
            self.authentication_type.unwrap_or(stored.authentication.kind()),
        );
        let url = |text| TargetUrl::parse(text, targets);
        let header = optional("--api-header-field", self.api_header_field, ApiHeaderField::parse)?;
        Ok(SettingsUpdate {
            name: edit(self.no_name, optional("--name", self.name, Name::parse)?),
            reference: edit(
                self.no_reference,
                optional("--reference", self.reference, Reference::parse)?,
            ),
            username: edit(false, optional("--username", self.username, Username::parse)?),
            password: edit(
                false,
                secret("--password-file", self.password_file, Password::parse)?,
            ),
            api_header_field: edit(false, header),
            api_key: edit(
                false,
                secret("--api-key-file", self.api_key_file, ApiKeyValue::parse)?,
            ),
            custom_headers: edit(self.no_custom_headers, custom_headers(self.custom_headers_file)?),
            url: edit(self.no_url, optional("--url", self.url, url)?),
            included_actions: edit(
                self.all_actions,
                actions("--action", self.included_actions, catalogue)?,
            ),
            excluded_actions: edit(
                self.no_excluded_actions,
                actions("--excluded-action", self.excluded_actions, catalogue)?,
            ),
            secret_rotation_days: edit(
                self.no_secret_rotation_days,
                optional("--secret-rotation-days", self.secret_rotation_days, rotation_days)?,
            ),
            secret_rotates_automatically: edit(false, self.secret_rotates_automatically),
            ..kept
        })
    }
}

fn edit<T>(clear: bool, value: Option<T>) -> Edit<T> {
    match value {
        Some(value) => Edit::Set(value),
        None if clear => Edit::Clear,
        None => Edit::Keep,
    }
}

fn optional<T>(
    flag: &str,
    text: Option<String>,
    parse: impl FnOnce(String) -> Result<T, InvalidValue>,
) -> Result<Option<T>, Failure> {
    text.map(parse)
        .transpose()
        .map_err(|problem| Failure::configuration(format!("{flag} {problem}")))
}

fn rotation_days(text: String) -> Result<RotationDays, InvalidValue> {
    let days = text.parse().map_err(|_| RotationDays::invalid())?;
    RotationDays::new(days)
}

fn actions(
    flag: &str,
    items: Vec<String>,
    catalogue: &ActionCatalogue,
) -> Result<Option<ActionList>, Failure> {
    if items.is_empty() {
        return Ok(None);
    }
    ActionList::parse(items, catalogue).map(Some).map_err(|error| {
        let item = error.index.map(|index| format!(" (number {})", index + 1));
        Failure::configuration(format!("{flag}{} {}", item.unwrap_or_default(), error.problem))
    })
}
