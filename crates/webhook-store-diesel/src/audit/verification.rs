//! Going through the chain of audit records: made whole when the database is opened, verified when an operator asks, whole
//! or in steps.

use diesel::prelude::*;
use webhook_domain::StoreError;
use webhook_domain::access::audit_chain::{AuditFlaw, AuditHead, AuditStep, AuditVerdict};

use crate::audit::chain::ChainKey;
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::row::unavailable;
use crate::database::schema::{audit_chain, audit_records};

/// How many records are read at a time.
const STEP: i64 = 4096;

/// Why a verification ends before its end.
enum Stop {
    Flaw(AuditFlaw),
    Store(StoreError),
}

impl From<AuditFlaw> for Stop {
    fn from(flaw: AuditFlaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(unavailable(error))
    }
}

/// Goes through all records up to the head of this moment. `kept` is a head of earlier.
pub(crate) fn verify(
    connection: &mut AnyConnection,
    key: &ChainKey,
    kept: Option<&AuditHead>,
) -> Result<AuditVerdict, StoreError> {
    match verify_all(connection, key, kept) {
        Ok((records, head)) => Ok(AuditVerdict::Intact { records, head }),
        Err(Stop::Flaw(flaw)) => Ok(AuditVerdict::Flawed(flaw)),
        Err(Stop::Store(error)) => Err(error),
    }
}

/// Goes through at most `most` records behind `from`.
pub(crate) fn verify_step(
    connection: &mut AnyConnection,
    key: &ChainKey,
    from: AuditHead,
    most: u32,
) -> Result<AuditStep, StoreError> {
    match verify_some(connection, key, from, most) {
        Ok(step) => Ok(step),
        Err(Stop::Flaw(flaw)) => Ok(AuditStep::Flawed(flaw)),
        Err(Stop::Store(error)) => Err(error),
    }
}

fn verify_all(
    connection: &mut AnyConnection,
    key: &ChainKey,
    kept: Option<&AuditHead>,
) -> Result<(u64, AuditHead), Stop> {
    let mut chain = Verification::begin(connection, key, AuditHead::of_nothing())?;
    let mut kept_seen = kept.is_none_or(|kept| *kept == chain.last);
    while chain.advance(connection, STEP, |head| kept_seen |= kept == Some(head))? > 0 {}
    chain.ends_at_head()?;
    if let Some(kept) = kept.filter(|_| !kept_seen) {
        return Err(missed(kept, &chain.head).into());
    }
    nothing_is_added(connection)?;
    Ok((chain.records, chain.head))
}

fn verify_some(
    connection: &mut AnyConnection,
    key: &ChainKey,
    from: AuditHead,
    most: u32,
) -> Result<AuditStep, Stop> {
    let mut chain = Verification::begin(connection, key, from)?;
    chain.stands_on_its_beginning(connection)?;
    let mut left = i64::from(most);
    while left > 0 {
        match chain.advance(connection, left.min(STEP), |_| {})? {
            0 => break,
            read => left -= read,
        }
    }
    if left == 0 && chain.last.position < chain.head.position {
        return Ok(AuditStep::GoesOn {
            last: chain.last,
            newest: chain.head.position,
        });
    }
    chain.ends_at_head()?;
    nothing_is_added(connection)?;
    Ok(AuditStep::Whole { head: chain.head })
}

/// How far the chain was verified.
struct Verification<'a> {
    key: &'a ChainKey,
    /// The head of the moment in which this began.
    head: AuditHead,
    /// The record that was verified last.
    last: AuditHead,
    /// How many were verified.
    records: u64,
}

impl<'a> Verification<'a> {
    /// Begins behind `last`.
    fn begin(connection: &mut AnyConnection, key: &'a ChainKey, last: AuditHead) -> Result<Self, Stop> {
        let (position, mac, seal): (i64, Vec<u8>, Vec<u8>) = audit_chain::table
            .find(1)
            .select((audit_chain::position, audit_chain::mac, audit_chain::seal))
            .get_result(connection)?;
        let head = AuditHead::new(position, mac);
        match key.is_sealed(&head, &seal) {
            true => Ok(Self {
                key,
                head,
                last,
                records: 0,
            }),
            false => Err(AuditFlaw::HeadForged.into()),
        }
    }

    /// Whether the record that this begins behind is the one that was verified, and follows the one before it: by what is stored, whatever
    /// was told.
    fn stands_on_its_beginning(&self, connection: &mut AnyConnection) -> Result<(), Stop> {
        let position = self.last.position;
        if position > self.head.position {
            return Err(missed(&self.last, &self.head).into());
        }
        if self.last == AuditHead::of_nothing() {
            return Ok(());
        }
        let mut stored = audit_records::table
            .filter(audit_records::position.le(position))
            .order(audit_records::position.desc())
            .select(AuditRow::as_select())
            .limit(2)
            .load(connection)?
            .into_iter();
        let record = stored
            .next()
            .filter(|row| row.position == position && row.mac == self.last.mac());
        let record = record.ok_or(AuditFlaw::Rewritten { position })?;
        let before = stored.next().map(|row| AuditHead::new(row.position, row.mac));
        match self
            .key
            .holds(&before.unwrap_or_else(AuditHead::of_nothing), &record)
        {
            true => Ok(()),
            false => Err(AuditFlaw::Broken { position }.into()),
        }
    }

    /// Verifies the next records, at most `most`, tells `seen` of each, and says how many they were.
    fn advance(
        &mut self,
        connection: &mut AnyConnection,
        most: i64,
        mut seen: impl FnMut(&AuditHead),
    ) -> Result<i64, Stop> {
        let rows = some_after(connection, self.last.position, self.head.position, most)?;
        let mut read = 0;
        for row in rows {
            if !self.key.holds(&self.last, &row) {
                let position = row.position;
                return Err(AuditFlaw::Broken { position }.into());
            }
            self.last = AuditHead::new(row.position, row.mac);
            self.records += 1;
            read += 1;
            seen(&self.last);
        }
        Ok(read)
    }

    /// Whether the record that was verified last is the newest.
    fn ends_at_head(&self) -> Result<(), AuditFlaw> {
        match self.last == self.head {
            true => Ok(()),
            false => Err(AuditFlaw::Truncated {
                position: self.last.position,
                expected: self.head.position,
            }),
        }
    }
}

/// What it means that the record `kept` is not in the chain that ends with `head`.
fn missed(kept: &AuditHead, head: &AuditHead) -> AuditFlaw {
    match kept.position > head.position {
        true => AuditFlaw::Truncated {
            position: head.position,
            expected: kept.position,
        },
        false => AuditFlaw::Rewritten {
            position: kept.position,
        },
    }
}

/// That no record stands behind the head, both as of one instant.
fn nothing_is_added(connection: &mut AnyConnection) -> Result<(), Stop> {
    let added: Option<i64> = audit_records::table
        .filter(
            audit_records::position
                .nullable()
                .gt(audit_chain::table.select(audit_chain::position).single_value()),
        )
        .order(audit_records::position)
        .select(audit_records::position)
        .limit(1)
        .get_result(connection)
        .optional()?;
    match added {
        None => Ok(()),
        Some(position) => Err(AuditFlaw::Added { position }.into()),
    }
}

/// The next records, in their order, none beyond `last`.
pub(crate) fn records_after(
    connection: &mut AnyConnection,
    position: i64,
    last: i64,
) -> QueryResult<Vec<AuditRow>> {
    some_after(connection, position, last, STEP)
}

/// As [`records_after`], at most `most`.
fn some_after(
    connection: &mut AnyConnection,
    position: i64,
    last: i64,
    most: i64,
) -> QueryResult<Vec<AuditRow>> {
    audit_records::table
        .filter(audit_records::position.gt(position))
        .filter(audit_records::position.le(last))
        .order(audit_records::position)
        .select(AuditRow::as_select())
        .limit(most)
        .load(connection)
}
