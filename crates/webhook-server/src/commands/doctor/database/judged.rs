//! What is found in a database, judged: whether it is good, and what to do if it is not.

use std::path::{Path, absolute};

use webhook_domain::ports::{Pause, PauseReason};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;
use webhook_store_diesel::DatabaseUrl;
use webhook_store_diesel::backup::BackupError;
use webhook_store_diesel::checkup::{FileSystem, Opened, Rights, SchemaState, ServerSettings, SqliteFile};

use super::super::finding::Finding;
use crate::commands::counted;
use crate::exit::chain;

/// How many sessions a process opens on PostgreSQL.
const SESSIONS: i64 = 11;
/// How far clocks may be apart, in milliseconds, before somebody should know, and before it is a fault.
const APART: (u64, u64) = (2_000, 60_000);
/// How far what was stored may be in the future, in milliseconds: processes' clocks are never quite alike.
const AHEAD: i64 = 5_000;
const MEND_SETTING: &str = "set it to on for this database, role and server";

pub(super) fn absent(path: &Path) -> Finding {
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

pub(super) fn out_of_reach(url: &DatabaseUrl) -> &'static str {
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

pub(super) fn reached(settings: &ServerSettings, url: &DatabaseUrl) -> Finding {
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

pub(super) fn durability_of_server(settings: &ServerSettings) -> Finding {
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

pub(super) fn sessions(settings: &ServerSettings) -> Finding {
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

pub(super) fn durability_of_file(file: std::io::Result<SqliteFile>) -> Finding {
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

pub(super) fn told_schema(schema: &Result<SchemaState, BackupError>) -> (Finding, bool) {
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
        Ok(SchemaState::Ahead { migration, level }) => Finding::ok(format!(
            "a newer release has migrated the database ({migration}, level {level}), and this one may run on it"
        )),
        Ok(SchemaState::Refused(why)) => Finding::fail(why.as_str(), "use the release that is named there"),
        Err(error) => unreadable(error),
    };
    let is_readable = matches!(schema, Ok(SchemaState::Current(_) | SchemaState::Ahead { .. }));
    (finding, is_readable)
}

pub(super) fn told_rights(rights: &Rights, schema: Option<&SchemaState>) -> Finding {
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
                 GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {place} TO {role}"
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

pub(super) fn against_stored(now: Instant, newest: Option<Instant>) -> Finding {
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

pub(super) fn against_database((before, after): (Instant, Instant), theirs: Instant) -> Finding {
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

pub(super) fn told_opened(opened: Opened) -> Finding {
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

pub(super) fn paused(pause: Option<Pause>) -> Finding {
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

pub(super) fn told_webhook(webhook: &Webhook) -> Finding {
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

pub(super) fn told<T>(found: Result<T, BackupError>, tell: impl FnOnce(T) -> Finding) -> Finding {
    match found {
        Ok(found) => tell(found),
        Err(error) => unreadable(&error),
    }
}

pub(super) fn unreadable(error: &BackupError) -> Finding {
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
    use super::super::super::finding::Status;
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
