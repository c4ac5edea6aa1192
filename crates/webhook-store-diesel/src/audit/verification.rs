//! Going through the chain of audit records: made whole when the database is opened, verified when the operator asks.

use diesel::prelude::*;
use webhook_domain::StoreError;

use crate::audit::chain::{AuditHead, ChainKey};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::row::unavailable;
use crate::database::schema::{audit_chain, audit_records};

/// How many records are read at a time.
const STEP: i64 = 4096;

/// What the verification of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every record is as it was written, and none is missing.
    Intact {
        /// How many records there are.
        records: u64,
        /// The newest, to be kept elsewhere and given back.
        head: AuditHead,
    },
    /// The record at this position is not what followed the one before it: one of the two was changed, or moved, or
    /// others stood between them.
    Broken {
        /// The position of the record.
        position: i64,
    },
    /// The row of the head was changed.
    HeadForged,
    /// Records are missing after this position.
    Truncated {
        /// The position of the last record there is; 0 when there is none.
        position: i64,
        /// The position of the record that was the newest.
        expected: i64,
    },
    /// A record stands behind the newest: it was added by somebody else than the service.
    Added {
        /// The position of the first such record.
        position: i64,
    },
    /// The record that was the newest once, by the head that was kept elsewhere, is another now.
    Rewritten {
        /// Its position.
        position: i64,
    },
}

/// Goes through all records up to the head of this moment. `kept` is a head of earlier.
pub(crate) fn verify(
    connection: &mut AnyConnection,
    key: &ChainKey,
    kept: Option<&AuditHead>,
) -> Result<AuditVerdict, StoreError> {
    let (position, mac, seal): (i64, Vec<u8>, Vec<u8>) = audit_chain::table
        .find(1)
        .select((audit_chain::position, audit_chain::mac, audit_chain::seal))
        .get_result(connection)
        .map_err(unavailable)?;
    let head = AuditHead::new(position, mac);
    if !key.is_sealed(&head, &seal) {
        return Ok(AuditVerdict::HeadForged);
    }
    let mut last = AuditHead::of_nothing();
    let mut records = 0_u64;
    let mut kept_seen = kept.is_none_or(|kept| *kept == last);
    loop {
        let rows = records_after(connection, last.position, head.position).map_err(unavailable)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if !key.holds(&last, &row) {
                return Ok(AuditVerdict::Broken {
                    position: row.position,
                });
            }
            last = AuditHead::new(row.position, row.mac);
            records += 1;
            kept_seen |= kept == Some(&last);
        }
    }
    let verdict = verdict(last, head, records, kept.filter(|_| !kept_seen));
    Ok(match added(connection).map_err(unavailable)? {
        Some(position) if matches!(verdict, AuditVerdict::Intact { .. }) => AuditVerdict::Added { position },
        _ => verdict,
    })
}

/// The first record behind the head, both as of one instant.
fn added(connection: &mut AnyConnection) -> QueryResult<Option<i64>> {
    audit_records::table
        .filter(
            audit_records::position
                .nullable()
                .gt(audit_chain::table.select(audit_chain::position).single_value()),
        )
        .order(audit_records::position)
        .select(audit_records::position)
        .limit(1)
        .get_result(connection)
        .optional()
}

fn verdict(last: AuditHead, head: AuditHead, records: u64, missed: Option<&AuditHead>) -> AuditVerdict {
    if last != head {
        return AuditVerdict::Truncated {
            position: last.position,
            expected: head.position,
        };
    }
    match missed {
        Some(kept) if kept.position > head.position => AuditVerdict::Truncated {
            position: head.position,
            expected: kept.position,
        },
        Some(kept) => AuditVerdict::Rewritten {
            position: kept.position,
        },
        None => AuditVerdict::Intact { records, head },
    }
}

/// The next records, in their order, none beyond `last`.
pub(crate) fn records_after(
    connection: &mut AnyConnection,
    position: i64,
    last: i64,
) -> QueryResult<Vec<AuditRow>> {
    audit_records::table
        .filter(audit_records::position.gt(position))
        .filter(audit_records::position.le(last))
        .order(audit_records::position)
        .select(AuditRow::as_select())
        .limit(STEP)
        .load(connection)
}
