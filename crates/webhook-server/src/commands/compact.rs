//! `compact`: an SQLite file made as small as what is in it.

use std::path::Path;

use serde_json::json;
use webhook_store_diesel::{DatabaseUrl, InUse, backup};

use super::Format;
use super::local::{answer, answer_json};
use crate::exit::Failure;
use crate::settings::Settings;

const DOING: &str = "compact the database";

/// Makes the database's file as small as it can be, and says how small.
pub(crate) fn run(settings: &Settings, format: Format) -> Result<(), Failure> {
    let DatabaseUrl::Sqlite(database) = &settings.database_url else {
        return Err(Failure::configuration(
            "PostgreSQL uses the room of what was deleted again by itself (autovacuum), beside running servers; to give it back to the \
             machine, run `VACUUM FULL` in psql while no server runs",
        ));
    };
    if !database.exists() {
        return Err(Failure::configuration(format!(
            "there is no database {}",
            database.display()
        )));
    }
    let claim = InUse::claim(database).map_err(|error| Failure::cannot(DOING, &error))?;
    let Some(claim) = claim else {
        return Err(Failure::found(format!(
            "the database {} is in use: stop the server, and wait for other commands. Nothing was changed",
            database.display()
        )));
    };
    let before = size(database)?;
    backup::compact(database).map_err(|error| Failure::of_backup(DOING, &error))?;
    let after = size(database)?;
    drop(claim);
    match format {
        Format::Json => answer_json(&json!({"bytes_before": before, "bytes_after": after})),
        Format::Text => answer(&format!("{before} bytes before, {after} bytes after\n")),
    }
}

fn size(database: &Path) -> Result<u64, Failure> {
    let metadata = database
        .metadata()
        .map_err(|error| Failure::cannot(DOING, &error))?;
    Ok(metadata.len())
}
