//! The database: whether it is there, durable, of this release, opened by the master key; what the role may do; what the clocks say.

use std::path::{Path, absolute};
use std::sync::Arc;
use std::time::Duration;

use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::ports::{Pause, PauseReason};
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::{TargetUrl, Webhook};
use webhook_store_diesel::backup::BackupError;
use webhook_store_diesel::checkup::{
    Checkup, FileSystem, Opened, Rights, SchemaState, ServerSettings, SqliteFile,
};
use webhook_store_diesel::{DatabaseUrl, MasterKey, SystemEntropy};

use super::finding::Finding;
use super::report::{Bench, Report};
use crate::clock::SystemClock;
use crate::commands::counted;
use crate::exit::{Failure, chain};
use crate::master_key;
use crate::settings::Settings;

/// How long a step may take. A connection has 5 seconds, unless the URL says otherwise, and a statement too.
const LIMIT: Duration = Duration::from_secs(15);
/// How many sessions a process opens on PostgreSQL.
const SESSIONS: i64 = 11;
/// How far clocks may be apart, in milliseconds, before somebody should know, and before it is a fault.
const APART: (u64, u64) = (2_000, 60_000);
/// How far what was stored may be in the future, in milliseconds: processes' clocks are never quite alike.
const AHEAD: i64 = 5_000;

const MEND_SETTING: &str = "set it to on for this database, role and server";

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

fn absent(path: &Path) -> Finding {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    match webhook_store_diesel::refuse_lost(&path) {
        Ok(()) => Finding::warn(
            format!(
                "there is no database {} yet: the first start makes it",
                path.display()
            ),
            "if there was one, start in the right folder, or name it with --database-url",
        ),
        Err(error) => Finding::fail(chain(&error), "do as is said there"),
    }
}

fn out_of_reach(url: &DatabaseUrl) -> &'static str {
    match url {
        DatabaseUrl::Sqlite(_) => {
            "see that it is an SQLite file of this service, and that this user may read it; what is in it was not checked"
        }
        DatabaseUrl::Postgres(_) => {
            "see that the server runs, takes connections from here, and that WEBHOOK_DATABASE_URL has the right user, \
             password and database; what is in it was not checked"
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

fn reached(settings: &ServerSettings, url: &DatabaseUrl) -> Finding {
    let ServerSettings {
        version, encoding, ..
    } = settings;
    if settings.is_read_only {
        return Finding::fail(
            format!(
                "PostgreSQL {version} at {url} takes reads alone: it is a standby, or default_transaction_read_only is on"
            ),
            "point WEBHOOK_DATABASE_URL at the primary, or let the role write",
        );
    }
    match encoding.as_str() {
        "UTF8" => Finding::ok(format!("PostgreSQL {version} at {url}")),
        _ => Finding::fail(
            format!("the PostgreSQL database has the encoding {encoding}, which cannot hold every text"),
            "make one with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`",
        ),
    }
}

fn durability_of_server(settings: &ServerSettings) -> Finding {
    match settings.not_durable.is_empty() {
        true => Finding::ok(
            "what was committed survives a crash: fsync, full_page_writes and synchronous_commit are not off",
        ),
        false => Finding::fail(
            format!(
                "PostgreSQL has {} = off: it could lose a key that was already answered",
                settings.not_durable.join(" and ")
            ),
            MEND_SETTING,
        ),
    }
}

fn sessions(settings: &ServerSettings) -> Finding {
    let left = settings.sessions_left.max(0);
    match left < SESSIONS {
        true => Finding::warn(
            format!(
                "the role may have {left} more sessions on the server, and a process opens up to {SESSIONS}"
            ),
            "raise max_connections, or the limit of the role or the database; a server that runs has its own already",
        ),
        false => Finding::ok(format!(
            "there is room for {} more",
            counted(left.unsigned_abs(), "session")
        )),
    }
}

fn durability_of_file(file: std::io::Result<SqliteFile>) -> Finding {
    let file = match file {
        Ok(file) => file,
        Err(error) => return Finding::fail(format!("the file cannot be looked at: {error}"), "find out why"),
    };
    const LOCAL: &str = "put the database on a disk of this machine";
    match file.file_system {
        FileSystem::Network(name) => Finding::fail(
            format!(
                "the database is on {name}, a file system over a network: its locks and its log do not work there as they must"
            ),
            format!("{LOCAL}, or use PostgreSQL"),
        ),
        FileSystem::Memory(name) => Finding::warn(
            format!("the database is in memory ({name}): it is gone when the machine is started again"),
            LOCAL,
        ),
        FileSystem::Container(name) => Finding::warn(
            format!("the database is in the layer of a container ({name}): it is gone with the container"),
            "put it on a volume",
        ),
        FileSystem::Local if !file.has_log => Finding::warn(
            "the file is written without a write-ahead log",
            "the next start changes that; if a server runs, another program has changed it: stop that one",
        ),
        FileSystem::Local => Finding::ok(
            "what was committed survives a crash: a write-ahead log that is synced at each commit (synchronous=FULL)",
        ),
    }
}

fn told_schema(schema: &Result<SchemaState, BackupError>) -> (Finding, bool) {
    let finding = match schema {
        Ok(SchemaState::Current(newest)) => {
            Finding::ok(format!("the schema is that of this release ({newest})"))
        }
        Ok(SchemaState::Missing) => Finding::warn(
            "there is no schema yet: the first start, or `webhook-server migrate`, makes it",
            "if there was one, name the right database, and with PostgreSQL the right search_path",
        ),
        Ok(SchemaState::Older(pending)) => Finding::warn(
            format!(
                "the schema is that of an older release: {} to be applied",
                counted(pending.len() as u64, "migration")
            ),
            "the next start of this release applies them, or `webhook-server migrate`; make a backup before",
        ),
        Ok(SchemaState::Newer(migration)) => Finding::fail(
            format!("a newer release has migrated the database: {migration} is not known to this one"),
            "use the newer release",
        ),
        Err(error) => unreadable(error),
    };
    (finding, matches!(schema, Ok(SchemaState::Current(_))))
}

fn rights(bench: &Bench, checkup: &mut Checkup, schema: Option<&SchemaState>) {
    bench.begins("database.rights");
    match checkup.rights() {
        Ok(None) => {}
        Ok(Some(rights)) => bench.found("database.rights", told_rights(&rights, schema)),
        Err(error) => bench.found("database.rights", unreadable(&error)),
    }
}

fn told_rights(rights: &Rights, schema: Option<&SchemaState>) -> Finding {
    let role = &rights.role;
    let Some(place) = &rights.schema else {
        return Finding::fail(
            format!("no schema of the search path of role {role} is there"),
            "make the schema, or name another with `?options=-csearch_path%3D…` in the URL",
        );
    };
    if !rights.missing.is_empty() {
        let (named, more) = rights.missing.split_at(rights.missing.len().min(3));
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return Finding::fail(
            format!("role {role} lacks {}{more}", named.join(", ")),
            format!(
                "as the owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place} TO {role}; \
                 GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {place} TO {role}"
            ),
        );
    }
    match (rights.may_create && rights.owns, schema) {
        (false, Some(SchemaState::Missing | SchemaState::Older(_))) => Finding::fail(
            format!(
                "the schema must be made or migrated, and role {role} may not make or change tables in {place}"
            ),
            "run `webhook-server migrate` as the role that owns the schema",
        ),
        (false, _) => Finding::ok(format!(
            "role {role} may do what serving takes; migrating is another role's"
        )),
        (true, _) => Finding::ok(format!("role {role} may do what serving and migrating take")),
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

fn against_stored(now: Instant, newest: Option<Instant>) -> Finding {
    let ahead = newest.map_or(0, |newest| newest.as_milliseconds() - now.as_milliseconds());
    match (newest, ahead > AHEAD) {
        (Some(newest), true) => Finding::warn(
            format!(
                "the newest audit record is of {newest}, {} seconds in the future: this machine's clock is behind, or another was ahead",
                ahead / 1000
            ),
            "set the clocks right and keep them so (NTP); what a clock that was ahead has left behind is mended by the service",
        ),
        _ => Finding::ok("nothing was stored in the future"),
    }
}

fn against_database((before, after): (Instant, Instant), theirs: Instant) -> Finding {
    let (before, after, theirs) = (
        before.as_milliseconds(),
        after.as_milliseconds(),
        theirs.as_milliseconds(),
    );
    let apart = match (theirs < before, theirs > after) {
        (true, _) => before.abs_diff(theirs),
        (_, true) => theirs.abs_diff(after),
        _ => 0,
    };
    let direction = if theirs < before { "ahead of" } else { "behind" };
    let message = format!(
        "this machine's clock is {}.{} seconds {direction} the database's",
        apart / 1000,
        apart % 1000 / 100
    );
    let advice = "set both clocks right and keep them so (NTP): receivers refuse a delivery whose timestamp is more than 5 minutes off";
    match (apart > APART.1, apart > APART.0) {
        (true, _) => Finding::fail(message, advice),
        (_, true) => Finding::warn(message, advice),
        _ => Finding::ok("this machine's clock and the database's agree"),
    }
}

fn told_opened(opened: Opened) -> Finding {
    match opened {
        Opened::Nothing => Finding::ok("nothing was sealed yet"),
        Opened::Webhooks(count) => {
            let webhooks = counted(count as u64, "webhook");
            Finding::ok(format!(
                "the master key opens what is stored: the secrets of {webhooks} were opened"
            ))
        }
    }
}

fn paused(pause: Option<Pause>) -> Finding {
    match pause {
        None => Finding::ok("deliveries are not paused"),
        Some(pause) => Finding::warn(
            format!(
                "deliveries have been paused since {}: {}",
                pause.since,
                match pause.reason {
                    PauseReason::Restored => "the database was restored from a backup",
                    PauseReason::Operator => "an operator asked for it",
                }
            ),
            "resume them with `webhook-server deliveries resume`",
        ),
    }
}

fn told_webhook(webhook: &Webhook) -> Finding {
    let settings = &webhook.settings;
    if settings.url.is_none() {
        return Finding::fail(
            "the webhook has no url",
            "set one with `webhook-server webhook update --url`",
        );
    }
    if !settings.active {
        let advice = "make it active with `webhook-server webhook update --active true`";
        return Finding::warn("the webhook is inactive: its queue waits", advice);
    }
    if webhook.held_up.is_some() {
        return Finding::warn(
            "the webhook is in the penalty box: the event at the head of its queue has failed and is sent again later",
            format!(
                "`webhook-server event list --webhook-id {} --status PENDING` says why",
                webhook.id
            ),
        );
    }
    if webhook.key_ring.current().is_none() {
        let advice = "give it one with `webhook-server webhook roll`";
        return Finding::warn(
            "the webhook has no secret key: its deliveries are not signed with a current one",
            advice,
        );
    }
    Finding::ok("the webhook is active, and its queue is not held up")
}

fn told<T>(found: Result<T, BackupError>, tell: impl FnOnce(T) -> Finding) -> Finding {
    match found {
        Ok(found) => tell(found),
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &BackupError) -> Finding {
    let advice = match error {
        BackupError::Statement(_) | BackupError::Store(_) => {
            "see what the log of the database says at this moment"
        }
        _ => {
            "give the right master key, or restore a backup if what is stored cannot be read; see docs/backup-and-restore.md"
        }
    };
    Finding::fail(chain(error), advice)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_milliseconds(1_712_935_357_000 + seconds * 1000)
    }

    #[test]
    fn clocks_that_are_apart_are_told_by_how_much() {
        let judged = |theirs| against_database((at(0), at(1)), at(theirs));
        for (theirs, status) in [
            (0, Status::Ok),
            (1, Status::Ok),
            (3, Status::Ok),
            (-2, Status::Ok),
        ] {
            assert_eq!(judged(theirs).status, status, "{theirs}");
        }
        assert_eq!(
            judged(-5).message,
            "this machine's clock is 5.0 seconds ahead of the database's"
        );
        assert_eq!(
            judged(5).message,
            "this machine's clock is 4.0 seconds behind the database's"
        );
        assert_eq!(
            (judged(5).status, judged(90).status),
            (Status::Warn, Status::Fail)
        );
    }

    #[test]
    fn what_was_stored_in_the_future_is_told() {
        assert_eq!(against_stored(at(0), None).status, Status::Ok);
        assert_eq!(against_stored(at(0), Some(at(4))).status, Status::Ok);
        assert_eq!(against_stored(at(0), Some(at(3600))).status, Status::Warn);
    }

    #[test]
    fn what_a_role_lacks_is_told_before_what_it_may_not_make() {
        let rights = |missing: &[&str], may_create| Rights {
            role: "r".to_owned(),
            schema: Some("public".to_owned()),
            may_create,
            owns: may_create,
            missing: missing.iter().map(ToString::to_string).collect(),
        };
        let current = SchemaState::Current("1".to_owned());
        let status = |rights, schema| told_rights(&rights, Some(schema)).status;
        assert_eq!(status(rights(&["UPDATE on a"], true), &current), Status::Fail);
        assert_eq!(status(rights(&[], false), &current), Status::Ok);
        assert_eq!(status(rights(&[], false), &SchemaState::Missing), Status::Fail);
        assert_eq!(status(rights(&[], true), &SchemaState::Missing), Status::Ok);
    }
}
