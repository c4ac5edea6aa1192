//! Why a database could not be opened, and what is to be done about it.

use std::path::PathBuf;

use diesel::ConnectionError;
use webhook_domain::error::Cause;

use crate::database::not_up;

/// Why nothing can be written to a server that can be read.
pub(crate) const READS_ALONE: &str =
    "the server takes reads alone: it is a standby, or default_transaction_read_only is on";

/// A database could not be opened. Nothing was written to it, unless it was the migration that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database holds values sealed under another master key.
    #[error(
        "the master key is not the one this database was sealed with: its secrets cannot be read with it. \
         Give the right WEBHOOK_MASTER_KEY or WEBHOOK_MASTER_KEY_FILE; nothing was changed"
    )]
    WrongMasterKey,
    /// The head of the audit records' chain is not there, though it was made: somebody has removed it.
    #[error(
        "the head of the audit records' chain is gone: somebody has removed it, and may have changed records. \
         Nothing was changed now; put the table audit_chain back from a backup, or start from the backup as a whole"
    )]
    ChainGone,
    /// PostgreSQL could lose what it has committed.
    #[error(
        "PostgreSQL has {setting} = {value}: it could lose a key that was already answered. \
         Set it to on for this database, role and server"
    )]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
    },
    /// A newer release of the service has migrated the database, and this one may not run on it.
    #[error(
        "the database has migration {migration}, which this release does not know: its schema has level {level} and takes releases \
         of level {oldest} and above, and this one has level {own}; use the newer release, or restore a backup from before"
    )]
    NewerSchema {
        /// The first unknown one.
        migration: String,
        /// The level of the schema.
        level: i64,
        /// The oldest level that may run on it.
        oldest: i64,
        /// The level of this release.
        own: i64,
    },
    /// A newer release of the service has migrated the database, and has not opened it since.
    #[error(
        "the database has migration {migration}, which this release does not know, and does not say which releases may run on it; \
         use the newer release"
    )]
    UnfinishedSchema {
        /// The first unknown one.
        migration: String,
    },
    /// A release with other migrations has migrated the database.
    #[error(
        "the database has migration {migration}, which this release does not know, and lacks {lacking}, which this release needs: it \
         belongs to a release of another line; use one that has both"
    )]
    OtherSchema {
        /// The first unknown one.
        migration: String,
        /// The first that is missing.
        lacking: String,
    },
    /// Transactions of others have kept tables locked that a migration must change.
    #[error(
        "migration {migration} could not be applied within {seconds} seconds, because other transactions keep tables locked that it \
         needs{held}. Nothing of it was done. End these transactions, or start again when they have ended"
    )]
    TablesInUse {
        /// The migration.
        migration: String,
        /// How long it was tried.
        seconds: u64,
        /// Who holds locks, as far as that is known: the rest of a sentence.
        held: String,
        /// What PostgreSQL has said.
        #[source]
        source: Cause,
    },
    /// Another process has been migrating the database all the while.
    #[error(
        "another process has been migrating the database for {seconds} seconds, in session {session} of PostgreSQL; start again when \
         it has ended. If no process of this service is migrating, that session belongs to a pooler: end it with \
         `SELECT pg_terminate_backend({session})`, and connect to the server itself or through a pooler in session mode"
    )]
    AlreadyMigrating {
        /// The number of its session.
        session: i32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Statements go to different sessions of PostgreSQL.
    #[error(
        "statements of one connection run in different sessions of PostgreSQL, as through a pooler in transaction mode; connect to \
         the server itself, or through a pooler in session mode"
    )]
    Pooler,
    /// A sequence was not copied with its tables.
    #[error(
        "the sequence delivery_positions stands at {drawn}, and deliveries at {taken}: logical replication, for one, leaves sequences \
         behind. What is published now would never be sent, and this role may not set the sequence. As the role that owns it: \
         `SELECT setval('delivery_positions', {taken})`"
    )]
    SequenceBehind {
        /// The last position that was drawn.
        drawn: i64,
        /// The greatest one there is.
        taken: i64,
    },
    /// The schema must be made or migrated, and nothing can be written.
    #[error(
        "the schema must be made or migrated, and the server takes reads alone: it is a standby, or default_transaction_read_only is \
         on. Point WEBHOOK_DATABASE_URL at the primary"
    )]
    ReadOnly,
    /// Nothing can be written now.
    #[error("{READS_ALONE}")]
    TakesReadsAlone,
    /// The database cannot be reached, or is none.
    #[error("the database at {database} cannot be opened")]
    Connect {
        /// Where it was looked for, without password.
        database: String,
        /// Why.
        #[source]
        source: ConnectionError,
    },
    /// The database's file, or its directory, cannot be written.
    #[error(
        "the database at {database} cannot be written; the file, the files beside it whose names begin with its name, and \
         their directory must belong to the user that the service runs as, and be writable"
    )]
    NotWritable {
        /// Where it is.
        database: String,
        /// What the system or SQLite says.
        #[source]
        source: Cause,
    },
    /// The database refused a statement.
    #[error("the database refused a statement while it was being opened")]
    Statement(#[from] diesel::result::Error),
    /// A migration failed. What it did was rolled back.
    #[error("the database could not be migrated")]
    Migration(#[source] Cause),
    /// The role has no right to migrate.
    #[error(
        "the schema must be made or migrated, and this role has no right to; run `webhook-server migrate` as the role that \
         owns it"
    )]
    MayNotMigrate(#[source] Cause),
    /// The database cannot hold every text.
    #[error(
        "the PostgreSQL database has the encoding {encoding}, which cannot hold every text; make one with \
         `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
    )]
    Encoding {
        /// Its encoding.
        encoding: String,
    },
    /// The proof of the master key could not be made or read.
    #[error("the master key could not be used")]
    Sealing(#[source] Cause),
    /// Somebody puts another database in the place of this one, or finds out whether it is the right one.
    #[error(
        "another process is checking the database, migrating it, or putting another in its place; start again when it has ended"
    )]
    BeingReplaced,
    /// A log lies beside the file that is not this file's.
    #[error(
        "the log {log} does not belong to the database file {database}, which is another than the one that was used last; \
         together they would be a damaged database. Nothing was changed. If {database} is a backup, put the file that was \
         there before back, and use `webhook-server restore FILE`; if that file is lost, move the files whose names begin \
         with {database}- away and start again. If you copied the database and its log together, remove {state} and start \
         again"
    )]
    ForeignLog {
        /// The database.
        database: PathBuf,
        /// Its log, or its journal.
        log: PathBuf,
        /// What is kept of the one that was used last.
        state: PathBuf,
    },
    /// There was a database, and there is none or another's.
    #[error(
        "the database {database} is missing or holds nothing, but there was one: {left} is left of it. Put its file back, \
         with the files whose names begin with {database}-, or restore a backup with `webhook-server restore FILE`. To begin \
         with an empty database, move {left} away. Nothing was changed"
    )]
    Lost {
        /// Where it was.
        database: PathBuf,
        /// What is left: its log, or what was kept to know it by.
        left: PathBuf,
    },
    /// The file is another than the one that another process has open.
    #[error(
        "the database file {database} was replaced while another process has the old one open; stop that first. Nothing was changed"
    )]
    Replaced {
        /// Where it is.
        database: PathBuf,
    },
    /// SQLite has found damage in a file that was not the one that was used last, or not as it was left.
    #[error(
        "the database file {database} was put there or changed since it was used last, and is damaged: {damage}. Put the \
         file that was there before back, with the files whose names begin with {database}-, or restore a backup with \
         `webhook-server restore FILE`. Nothing was changed"
    )]
    Damaged {
        /// Where it is.
        database: PathBuf,
        /// What SQLite says.
        damage: String,
    },
    /// A file that belongs to the database, such as that of its lock, cannot be made or used.
    #[error("a file beside the database cannot be used")]
    File(#[source] std::io::Error),
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[from] std::io::Error),
}

impl OpenError {
    /// Whether the operator's settings are to blame, rather than circumstances.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::WrongMasterKey
                | Self::NotDurable { .. }
                | Self::NewerSchema { .. }
                | Self::UnfinishedSchema { .. }
                | Self::OtherSchema { .. }
                | Self::Pooler
                | Self::SequenceBehind { .. }
                | Self::NotWritable { .. }
                | Self::MayNotMigrate(_)
                | Self::Encoding { .. }
                | Self::ForeignLog { .. }
                | Self::Lost { .. }
                | Self::Replaced { .. }
        )
    }

    /// Whether it may pass by itself: PostgreSQL is not up yet, or not to be found yet.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect {
                database,
                source: ConnectionError::BadConnection(said),
            } => database.starts_with("postgres://") && not_up::is_told_by(said),
            _ => false,
        }
    }
}
