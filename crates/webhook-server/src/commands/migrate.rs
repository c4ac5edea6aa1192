//! `migrate`: brings the schema up to date without serving, for deployments that do the two apart.

use std::sync::Arc;

use webhook_store_diesel::SystemEntropy;

use super::local::{answer, remark};
use crate::exit::Failure;
use crate::settings::Settings;
use crate::store::{prepare, when_up};

/// Applies what is missing, and prints the names of the migrations that were.
pub(crate) fn run(settings: Settings) -> Result<(), Failure> {
    let entropy = Arc::new(SystemEntropy::new());
    let key = prepare(&settings.database_url, settings.master_key, entropy.as_ref())?;
    let applied = when_up(settings.database_wait, || {
        webhook_store_diesel::migrate(&settings.database_url, key.clone(), entropy.clone())
    })?;
    if applied.is_empty() {
        remark("the schema is up to date");
    }
    answer(&applied.iter().map(|name| format!("{name}\n")).collect::<String>())
}
