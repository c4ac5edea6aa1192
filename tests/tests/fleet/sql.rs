//! Questions to the database, behind the service's back.

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query,
    sql_types::{BigInt, Text},
};
use webhook_tests::Deployment;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Words {
    #[diesel(sql_type = Text)]
    value: String,
}

/// An administrator's connection to the PostgreSQL database of `deployment`.
#[track_caller]
pub(crate) fn postgres(deployment: &Deployment) -> PgConnection {
    let database = deployment.database().expect("it runs on PostgreSQL");
    PgConnection::establish(database.admin_url()).unwrap_or_else(|error| panic!("PostgreSQL: {error}"))
}

/// The one number, named `value`, that `query` gives.
#[track_caller]
pub(crate) fn number(connection: &mut PgConnection, query: &str) -> i64 {
    let found: Number = sql_query(query)
        .get_result(connection)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    found.value
}

/// The texts, named `value`, that `query` gives.
#[track_caller]
pub(crate) fn texts(connection: &mut PgConnection, query: &str) -> Vec<String> {
    let found: Vec<Words> = sql_query(query)
        .load(connection)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    found.into_iter().map(|row| row.value).collect()
}

/// The one text, named `value`, that `query` gives in the SQLite database of `deployment`.
#[track_caller]
pub(crate) fn sqlite_text(deployment: &Deployment, query: &str) -> String {
    let path = deployment.data().join("webhook.db");
    let path = path.to_str().expect("temporary paths are text");
    let mut connection = SqliteConnection::establish(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let found: Words = sql_query(query)
        .get_result(&mut connection)
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    found.value
}
