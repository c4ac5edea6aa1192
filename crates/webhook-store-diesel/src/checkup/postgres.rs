//! What PostgreSQL alone has.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use webhook_domain::time::Instant;

use super::Checkup;
use crate::backup::BackupError;
use crate::database::connection::AnyConnection;
use crate::database::opening::{DURABILITY_SETTINGS, OpenError};
use crate::lanes::positions;

/// No statement of a session that looks writes, nor takes long.
const ONLY_READ: &str = "SET default_transaction_read_only = on; SET statement_timeout = '5s'";

/// What the role needs of every table, and of the table of migrations.
const PRIVILEGES: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// How the server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Its version, such as `17.2`.
    pub version: String,
    /// The encoding of the database.
    pub encoding: String,
    /// The settings that are off and without which it may forget what it has committed.
    pub not_durable: Vec<&'static str>,
    /// Whether it takes reads alone: it is a standby, or is told to.
    pub is_read_only: bool,
    /// How many more sessions the server, the database and the role let the role have.
    pub sessions_left: i64,
}

/// What the role may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The role.
    pub role: String,
    /// The schema in which it makes tables; none if none of its search path is there.
    pub schema: Option<String>,
    /// Whether it may make tables there.
    pub may_create: bool,
    /// Whether it may change the tables that there are: it owns them, or belongs to whoever does.
    pub owns: bool,
    /// The privileges that it lacks, such as `UPDATE on webhooks`. Of a database without a schema there are none to lack.
    pub missing: Vec<String>,
}

#[derive(QueryableByName)]
struct SettingsRow {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Bool)]
    is_read_only: bool,
    #[diesel(sql_type = BigInt)]
    sessions_left: i64,
}

#[derive(QueryableByName)]
struct ValueRow {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct RoleRow {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Nullable<Text>)]
    schema: Option<String>,
    #[diesel(sql_type = Bool)]
    may_create: bool,
    #[diesel(sql_type = Bool)]
    owns: bool,
}

#[derive(QueryableByName)]
struct LackRow {
    #[diesel(sql_type = Text)]
    lack: String,
}

#[derive(QueryableByName)]
struct ClockRow {
    #[diesel(sql_type = BigInt)]
    milliseconds: i64,
}

/// Sees to it that nothing is written.
pub(super) fn only_read(connection: &mut AnyConnection) -> Result<(), OpenError> {
    if let AnyConnection::Postgres(postgres) = connection {
        postgres.batch_execute(ONLY_READ)?;
    }
    Ok(())
}

impl Checkup {
    /// Whether deliveries can be queued, of a database whose schema is [current](super::SchemaState::Current), or ahead.
    ///
    /// # Errors
    /// [`OpenError::SequenceBehind`]; the database's.
    pub fn may_queue(&mut self) -> Result<(), OpenError> {
        match &mut self.connection {
            AnyConnection::Sqlite(_) => Ok(()),
            AnyConnection::Postgres(postgres) => positions::standing(postgres).map(drop),
        }
    }

    /// How the server is set up; none for SQLite.
    ///
    /// # Errors
    /// The database's.
    pub fn server_settings(&mut self) -> Result<Option<ServerSettings>, BackupError> {
        let AnyConnection::Postgres(postgres) = &mut self.connection else {
            return Ok(None);
        };
        // What this session has set itself is not what others get. -1 is no limit.
        let question = "SELECT current_setting('server_version') AS version, \
             current_setting('server_encoding') AS encoding, \
             pg_is_in_recovery() OR (SELECT reset_val = 'on' FROM pg_settings \
               WHERE name = 'default_transaction_read_only') AS is_read_only, \
             least( \
               current_setting('max_connections')::bigint \
                 - current_setting('superuser_reserved_connections')::bigint \
                 - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), \
               (SELECT CASE WHEN datconnlimit < 0 THEN 2147483647 ELSE datconnlimit END \
                  - (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid) \
                  FROM pg_database d WHERE datname = current_database()), \
               (SELECT CASE WHEN rolconnlimit < 0 THEN 2147483647 ELSE rolconnlimit END \
                  - (SELECT count(*) FROM pg_stat_activity a WHERE a.usename = r.rolname) \
                  FROM pg_roles r WHERE rolname = current_user) \
             )::bigint AS sessions_left";
        let row: SettingsRow = sql_query(question).get_result(postgres)?;
        let mut not_durable = Vec::new();
        for setting in DURABILITY_SETTINGS {
            let question = format!("SELECT current_setting('{setting}') AS value");
            let value: ValueRow = sql_query(question).get_result(postgres)?;
            if value.value == "off" {
                not_durable.push(setting);
            }
        }
        Ok(Some(ServerSettings {
            version: row.version,
            encoding: row.encoding,
            not_durable,
            is_read_only: row.is_read_only,
            sessions_left: row.sessions_left,
        }))
    }

    /// What the role may do; none for SQLite.
    ///
    /// # Errors
    /// The database's.
    pub fn rights(&mut self) -> Result<Option<Rights>, BackupError> {
        let AnyConnection::Postgres(postgres) = &mut self.connection else {
            return Ok(None);
        };
        let question = "SELECT current_user::text AS role, current_schema()::text AS schema, \
             coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create, \
             coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('master_keys')), true) AS owns";
        let role: RoleRow = sql_query(question).get_result(postgres)?;
        Ok(Some(Rights {
            role: role.role,
            schema: role.schema,
            may_create: role.may_create,
            owns: role.owns,
            missing: missing(postgres)?,
        }))
    }

    /// The time of the database's clock; none for SQLite.
    ///
    /// # Errors
    /// The database's.
    pub fn server_clock(&mut self) -> Result<Option<Instant>, BackupError> {
        let AnyConnection::Postgres(postgres) = &mut self.connection else {
            return Ok(None);
        };
        let question = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS milliseconds";
        let row: ClockRow = sql_query(question).get_result(postgres)?;
        Ok(Some(Instant::from_milliseconds(row.milliseconds)))
    }
}

/// The privileges that the role lacks on the tables that belong together with `master_keys`, and on their sequences.
fn missing(postgres: &mut PgConnection) -> QueryResult<Vec<String>> {
    let privileges = PRIVILEGES.map(|privilege| format!("('{privilege}')")).join(", ");
    let question = format!(
        "WITH ours AS (SELECT c.oid, c.relname, c.relkind FROM pg_class c \
             JOIN pg_class k ON k.oid = to_regclass('master_keys') \
             WHERE c.relnamespace = k.relnamespace AND c.relowner = k.relowner) \
         SELECT privilege || ' on ' || relname AS lack FROM ours, (VALUES {privileges}) AS p (privilege) \
             WHERE CASE WHEN relkind NOT IN ('r', 'p') THEN false \
             WHEN relname = '__diesel_schema_migrations' AND privilege <> 'SELECT' THEN false \
             ELSE NOT has_table_privilege(oid, privilege) END \
         UNION ALL SELECT 'USAGE on sequence ' || relname FROM ours \
             WHERE CASE WHEN relkind = 'S' THEN NOT has_sequence_privilege(oid, 'USAGE') ELSE false END ORDER BY 1"
    );
    let rows: Vec<LackRow> = sql_query(question).load(postgres)?;
    Ok(rows.into_iter().map(|row| row.lack).collect())
}
