//! PostgreSQL draws positions of deliveries from a sequence. None may be drawn twice, and each must be greater than all that this
//! or another process has seen: a lane that has passed a position never sends what comes to stand there, and nothing would say so.
//!
//! | what happens | what a sequence does |
//! |---|---|
//! | tables are copied, as by logical replication | stays at its beginning |
//! | a standby takes over that lacks the last commits | goes back with them, while processes remember what they have sent |
//!
//! So it is advanced with each connection on which positions may be drawn, before any is. The server may be another than before.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool};

use crate::database::connection::AnyConnection;
use crate::database::open_error::OpenError;

/// How many positions are left out. A standby may be behind by as many; a sequence has enough for nine million million times.
const LEFT_OUT: i64 = 1_000_000;
/// As many are drawn where the role may not set the sequence.
const DRAWN: i64 = 10_000;

/// Each lane has passed all positions up to its `done`; what waits, and what was sent, is found by its platform.
const STANDING: &str = "SELECT last_value - (NOT is_called)::int AS drawn, greatest((SELECT max(done) FROM lanes), \
     (SELECT max(newest.position) FROM platforms CROSS JOIN LATERAL (SELECT max(position) AS position FROM deliveries \
     WHERE deliveries.platform = platforms.platform) AS newest), 0) AS taken, \
     has_sequence_privilege('delivery_positions', 'UPDATE') AS settable FROM delivery_positions";

/// From the greater one: others draw meanwhile.
const ADVANCE: &str =
    "SELECT setval('delivery_positions', greatest($1, last_value) + $2) FROM delivery_positions";
/// The lock of whoever sets the sequence: the bytes of `delivery`.
const IN_TURN: &str = "SELECT pg_advisory_xact_lock(x'64656C6976657279'::bigint)";
const DRAW: &str = "SELECT max(nextval('delivery_positions')) FROM generate_series(1, $1)";

#[derive(QueryableByName)]
pub(crate) struct Sequence {
    #[diesel(sql_type = BigInt)]
    drawn: i64,
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = Bool)]
    settable: bool,
}

impl Sequence {
    const fn is_behind(&self) -> bool {
        self.drawn < self.taken
    }
}

/// How the sequence stands, unless it is behind and this role may not mend that.
pub(crate) fn standing(postgres: &mut PgConnection) -> Result<Sequence, OpenError> {
    let sequence: Sequence = sql_query(STANDING).get_result(postgres)?;
    match sequence.is_behind() && !sequence.settable {
        true => Err(OpenError::SequenceBehind {
            drawn: sequence.drawn,
            taken: sequence.taken,
        }),
        false => Ok(sequence),
    }
}

/// Has the next position be greater than all that anybody has seen, or says who must see to it. It is false if the server takes reads
/// alone: then nothing may be drawn on this connection, also when the server takes writes later.
pub(crate) fn begin_anew(connection: &mut AnyConnection) -> Result<bool, OpenError> {
    if connection.is_read_only()? {
        return Ok(false);
    }
    let AnyConnection::Postgres(postgres) = connection else {
        return Ok(true);
    };
    let sequence = standing(postgres)?;
    advance(postgres, &sequence)?;
    if sequence.is_behind() {
        tracing::warn!(
            sequence.value = sequence.drawn,
            deliveries.position = sequence.taken,
            "the sequence delivery_positions was behind the deliveries, as after logical replication, which leaves sequences behind; \
             it was advanced"
        );
    }
    Ok(true)
}

fn advance(postgres: &mut PgConnection, sequence: &Sequence) -> QueryResult<()> {
    if !sequence.settable {
        return sql_query(DRAW)
            .bind::<BigInt, _>(DRAWN)
            .execute(postgres)
            .map(drop);
    }
    postgres.transaction(|postgres| {
        // Of two that read where it stands and then set it, the second would set it back.
        sql_query(IN_TURN).execute(postgres)?;
        sql_query(ADVANCE)
            .bind::<BigInt, _>(sequence.taken)
            .bind::<BigInt, _>(LEFT_OUT)
            .execute(postgres)
            .map(drop)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use webhook_domain::signing::secret::SecretText;
    use webhook_tests::postgres::Cluster;

    use super::*;
    use crate::database::opening::{open, open_to_queue};
    use crate::engine::failure::chain;
    use crate::sealing::Vault;
    use crate::{DatabaseUrl, MasterKey, SystemEntropy};

    fn vault() -> Vault {
        let key = MasterKey::parse(&SecretText::new(data_encoding::BASE64.encode(&[7; 32]))).unwrap();
        Vault::new(key, Arc::new(SystemEntropy::new())).unwrap()
    }

    /// A standby may take writes later, on the same connection.
    #[test]
    fn nothing_is_drawn_on_a_connection_to_a_server_that_takes_reads_alone() {
        let database = Cluster::shared().create_database();
        let url: DatabaseUrl = database.url().parse().unwrap();
        let vault = vault();
        assert!(open(&url, &vault).unwrap().may_write);
        database.execute("ALTER DATABASE {database} SET default_transaction_read_only = on");
        assert!(!open(&url, &vault).unwrap().may_write);
        let refused = open_to_queue(&url).err();
        assert!(matches!(refused, Some(OpenError::TakesReadsAlone)), "{refused:?}");
    }

    /// Two that read where the sequence stands and then set it would have it give a position twice.
    #[test]
    fn whoever_sets_the_sequence_waits_for_others_who_do() {
        let database = Cluster::shared().create_database();
        let url: DatabaseUrl = database.url().parse().unwrap();
        open(&url, &vault()).unwrap();
        let mut other = PgConnection::establish(database.url()).unwrap();
        sql_query("BEGIN").execute(&mut other).unwrap();
        sql_query(IN_TURN).execute(&mut other).unwrap();
        let timed_out = open_to_queue(&url)
            .err()
            .map(|error| chain(&error))
            .unwrap_or_default();
        assert!(timed_out.contains("lock timeout"), "{timed_out}");
        sql_query("COMMIT").execute(&mut other).unwrap();
        assert!(open_to_queue(&url).is_ok());
    }
}
