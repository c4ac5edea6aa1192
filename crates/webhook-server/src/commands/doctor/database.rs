//! The database: whether it is there, durable, of this release, opened by the master key; what the role may do; what the clocks say.

mod judged;

use std::sync::Arc;
use std::time::Duration;

use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::time::Clock as _;
use webhook_domain::webhook::TargetUrl;
use webhook_store_diesel::checkup::{Checkup, SchemaState};
use webhook_store_diesel::{DatabaseUrl, MasterKey, OpenError, SystemEntropy};

use self::judged::{
    absent, against_database, against_stored, durability_of_file, durability_of_server, out_of_reach, paused,
    reached, sessions, told, told_opened, told_rights, told_schema, told_webhook, unreadable,
};
use super::finding::Finding;
use super::report::{Bench, Report};
use crate::clock::SystemClock;
use crate::exit::{Failure, chain};
use crate::files::master_key;
use crate::settings::Settings;

/// How long a step may take. A connection has 5 seconds, unless the URL says otherwise, and a statement too.
const LIMIT: Duration = Duration::from_secs(15);

/// A webhook to look for.
type Wanted = Option<(PlatformId, WebhookId)>;

/// Says what is wrong with the database. Gives the URL of the webhook that is looked for, if it has one.
pub(super) fn examine(
    report: &mut Report,
    settings: &Settings,
    wanted: Wanted,
) -> Result<Option<String>, Failure> {
    let is_lost = wanted.is_some();
    let url = settings.database_url.clone();
    let source = settings.master_key.clone();
    let found = report.aside(LIMIT, "database.master_key", move |bench| {
        let key = master_key::existing(&source, &url);
        bench.begins("database");
        look(bench, &url, key, wanted)
    })?;
    let found = found.flatten();
    if is_lost && found.is_none() && !report.has("webhook") {
        let advice = "mend what is wrong with the database first, or name the URL with --url";
        report.add("webhook", Finding::fail("the webhook could not be read", advice))?;
    }
    Ok(found.map(|url| url.as_str().to_owned()))
}

fn look(
    bench: &Bench,
    url: &DatabaseUrl,
    key: Result<Option<MasterKey>, Failure>,
    wanted: Wanted,
) -> Option<TargetUrl> {
    if let Err(failure) = &key {
        bench.found(
            "database.master_key",
            Finding::fail(
                failure.message(),
                "without its key a database is worth nothing: put the right one there",
            ),
        );
    }
    let mut durability = None;
    if let DatabaseUrl::Sqlite(path) = url {
        match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bench.found("database", absent(path));
                return None;
            }
            Ok(file) if file.len() == 0 && webhook_store_diesel::refuse_lost(path).is_ok() => {
                bench.found("database", absent(path));
                return None;
            }
            _ => durability = Some(Checkup::file(path)),
        }
    }
    let mut checkup = match Checkup::open(url) {
        Ok(checkup) => checkup,
        Err(error) => {
            bench.found("database", Finding::fail(chain(&error), out_of_reach(url)));
            return None;
        }
    };
    match durability {
        None => server(bench, &mut checkup, url),
        Some(file) => {
            bench.found("database", Finding::ok(format!("{url} can be read")));
            bench.found("database.durability", durability_of_file(file));
        }
    }
    bench.begins("database.schema");
    let schema = checkup.schema();
    let (finding, is_current) = told_schema(&schema);
    bench.found("database.schema", finding);
    rights(bench, &mut checkup, schema.as_ref().ok());
    if !is_current {
        return None;
    }
    // What else keeps it from being looked at is told of the role's rights.
    if let Err(error @ OpenError::SequenceBehind { .. }) = checkup.may_queue() {
        bench.found(
            "database.positions",
            Finding::fail(chain(&error), "have the owner of the schema run it"),
        );
    }
    clocks(bench, &mut checkup);
    bench.begins("deliveries");
    bench.found("deliveries", told(checkup.pause(), paused));
    let Ok(Some(key)) = key else { return None };
    bench.begins("database.master_key");
    let opened = checkup.open_sealed(key.clone(), Arc::new(SystemEntropy::new()));
    let is_right = opened.is_ok();
    bench.found("database.master_key", told(opened, told_opened));
    let (platform, id) = wanted.filter(|_| is_right)?;
    bench.begins("webhook");
    match checkup.webhook(key, Arc::new(SystemEntropy::new()), &platform, id) {
        Ok(Some(webhook)) => {
            bench.found("webhook", told_webhook(&webhook));
            webhook.settings.url
        }
        Ok(None) => {
            let message = format!("there is no webhook {id} on platform {platform}");
            bench.found(
                "webhook",
                Finding::fail(message, "name the right one; `--platform` says whose it is"),
            );
            None
        }
        Err(error) => {
            bench.found("webhook", unreadable(&error));
            None
        }
    }
}

fn server(bench: &Bench, checkup: &mut Checkup, url: &DatabaseUrl) {
    let settings = match checkup.server_settings() {
        Ok(Some(settings)) => settings,
        Ok(None) => return,
        Err(error) => return bench.found("database", unreadable(&error)),
    };
    bench.found("database", reached(&settings, url));
    bench.found("database.durability", durability_of_server(&settings));
    bench.found("database.sessions", sessions(&settings));
}

fn rights(bench: &Bench, checkup: &mut Checkup, schema: Option<&SchemaState>) {
    bench.begins("database.rights");
    match checkup.rights() {
        Ok(None) => {}
        Ok(Some(rights)) => bench.found("database.rights", told_rights(&rights, schema)),
        Err(error) => bench.found("database.rights", unreadable(&error)),
    }
}

/// The machine's clock against what was stored by it and others, and against the database's.
fn clocks(bench: &Bench, checkup: &mut Checkup) {
    bench.begins("clock.stored");
    match checkup.newest_record() {
        Ok(newest) => bench.found("clock.stored", against_stored(SystemClock.now(), newest)),
        Err(error) => bench.found("clock.stored", unreadable(&error)),
    }
    bench.begins("clock.database");
    let before = SystemClock.now();
    match checkup.server_clock() {
        Ok(None) => {}
        Ok(Some(theirs)) => bench.found(
            "clock.database",
            against_database((before, SystemClock.now()), theirs),
        ),
        Err(error) => bench.found("clock.database", unreadable(&error)),
    }
}
