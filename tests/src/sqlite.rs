//! A look into a SQLite database, whatever its tables are.

use std::path::Path;

use diesel::{
    Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query,
    sql_types::{BigInt, Text},
};

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    size: i64,
}

/// Runs one statement in `database`, beside whoever else has it open.
pub fn execute(database: &Path, statement: &str) {
    let mut connection = open(database);
    sql_query(statement)
        .execute(&mut connection)
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

fn open(database: &Path) -> SqliteConnection {
    let path = database.to_str().expect("temporary paths are text");
    let mut connection = SqliteConnection::establish(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    sql_query("PRAGMA busy_timeout = 5000")
        .execute(&mut connection)
        .expect("a pragma");
    connection
}

/// How many bytes the values in all tables of `database` have.
pub fn stored_bytes(database: &Path) -> u64 {
    let mut connection = open(database);
    let tables = names(
        &mut connection,
        "SELECT name FROM sqlite_master WHERE type = 'table'",
    );
    tables
        .iter()
        .map(|table| table_bytes(&mut connection, table))
        .sum()
}

fn names(connection: &mut SqliteConnection, query: &str) -> Vec<String> {
    let found: Vec<Name> = sql_query(query)
        .load(connection)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    found.into_iter().map(|row| row.name).collect()
}

fn table_bytes(connection: &mut SqliteConnection, table: &str) -> u64 {
    let columns = names(
        connection,
        &format!("SELECT name FROM pragma_table_info('{table}')"),
    );
    let lengths: Vec<String> = columns
        .iter()
        .map(|column| format!("coalesce(length(CAST(\"{column}\" AS BLOB)), 0)"))
        .collect();
    let query = format!(
        "SELECT coalesce(sum({}), 0) AS size FROM \"{table}\"",
        lengths.join(" + ")
    );
    let found: Size = sql_query(&query)
        .get_result(connection)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    u64::try_from(found.size).expect("a size is not negative")
}
