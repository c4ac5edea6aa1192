//! PostgreSQL draws positions of deliveries from a sequence, and a sequence stays behind where tables alone are copied, as by logical
//! replication. A delivery with a position that its lane has already passed would never be sent, and nothing would say so.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;

use crate::database::connection::AnyConnection;
use crate::database::open_error::OpenError;
use crate::engine::failure::chain;

/// Each lane has passed all positions up to its `done`; what waits, and what was sent, is found by its platform.
const STANDING: &str = "SELECT last_value - (NOT is_called)::int AS drawn, greatest((SELECT max(done) FROM lanes), (SELECT max(newest.position) \
     FROM platforms CROSS JOIN LATERAL (SELECT max(position) AS position FROM deliveries \
     WHERE deliveries.platform = platforms.platform) AS newest), 0) AS taken FROM delivery_positions";

/// The greater one: others draw meanwhile.
const CATCH_UP: &str =
    "SELECT setval('delivery_positions', greatest($1, last_value)) FROM delivery_positions";

#[derive(QueryableByName)]
struct Sequence {
    #[diesel(sql_type = BigInt)]
    drawn: i64,
    #[diesel(sql_type = BigInt)]
    taken: i64,
}

/// Has the next position be greater than all there are, or says who must see to it. To be called with each connection that may draw
/// positions: the server may be another than before.
pub(crate) fn catch_up(connection: &mut AnyConnection) -> Result<(), OpenError> {
    let AnyConnection::Postgres(postgres) = connection else {
        return Ok(());
    };
    let sequence: Sequence = sql_query(STANDING).get_result(postgres)?;
    if sequence.drawn >= sequence.taken {
        return Ok(());
    }
    advance(postgres, &sequence)?;
    tracing::warn!(
        sequence.value = sequence.drawn,
        deliveries.position = sequence.taken,
        "the sequence delivery_positions was behind the deliveries, as after logical replication, which leaves sequences behind; \
         it was advanced"
    );
    Ok(())
}

fn advance(postgres: &mut PgConnection, sequence: &Sequence) -> Result<(), OpenError> {
    let advanced = sql_query(CATCH_UP)
        .bind::<BigInt, _>(sequence.taken)
        .execute(postgres);
    match advanced {
        Err(error) if chain(&error).contains("permission denied") => Err(OpenError::SequenceBehind {
            drawn: sequence.drawn,
            taken: sequence.taken,
        }),
        advanced => Ok(advanced.map(drop)?),
    }
}
