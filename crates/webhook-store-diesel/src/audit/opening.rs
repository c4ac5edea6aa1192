//! The chain of audit records when a database is opened: its key, made with the database, and the records of a time
//! before there was a chain, which are put into it.

use diesel::prelude::*;
use diesel::sql_query;
use webhook_domain::access::audit_chain::AuditHead;
use webhook_domain::error::Cause;

use crate::audit::chain::ChainKey;
use crate::audit::verification::records_after;
use crate::database::connection::AnyConnection;
use crate::database::levels::{OLDEST_LEVEL, SCHEMA_LEVEL};
use crate::database::opening;
use crate::database::opening::{OpenError, Proof, seal_proof_of_chained};
use crate::database::schema::{audit_chain, audit_records, master_keys};
use crate::sealing::{Place, SealError, Vault};

/// Gives the key of the database's chain, making both if there are none.
pub(crate) fn open(connection: &mut AnyConnection, vault: &Vault) -> Result<ChainKey, OpenError> {
    if let Some(key) = stored_key(connection, vault)? {
        return Ok(key);
    }
    connection.begin()?;
    let made = make(connection, vault);
    match made {
        Ok(()) => connection.commit()?,
        Err(error) => {
            // What went wrong says more than what the rollback may add.
            let _ = connection.rollback();
            return Err(error);
        }
    }
    stored_key(connection, vault)?.ok_or_else(|| OpenError::Sealing(Cause::from("the chain's key is gone")))
}

pub(crate) fn stored_key(
    connection: &mut AnyConnection,
    vault: &Vault,
) -> Result<Option<ChainKey>, OpenError> {
    let sealed: Option<Vec<u8>> = audit_chain::table
        .find(1)
        .select(audit_chain::chain_key)
        .get_result(connection)
        .optional()?;
    let Some(sealed) = sealed else { return Ok(None) };
    let bytes = vault.open(Place::ChainKey, &sealed).map_err(unusable)?;
    Ok(Some(ChainKey::new(&bytes)))
}

fn make(connection: &mut AnyConnection, vault: &Vault) -> Result<(), OpenError> {
    if let AnyConnection::Postgres(postgres) = connection {
        // Another process may be doing the same.
        sql_query("LOCK TABLE audit_chain IN EXCLUSIVE MODE").execute(postgres)?;
    }
    let there: i64 = audit_chain::table.count().get_result(connection)?;
    if there > 0 {
        return Ok(());
    }
    // Asked only here, where nobody else can be making the chain meanwhile.
    if let Proof::Given { chained: true } = opening::prove(connection, vault)? {
        return Err(OpenError::ChainGone);
    }
    let bytes = vault.random::<{ ChainKey::BYTES }>().map_err(unusable)?;
    let key = ChainKey::new(bytes.as_slice());
    let head = chain_earlier_records(connection, &key)?;
    let row = (
        audit_chain::id.eq(1),
        audit_chain::chain_key.eq(vault.seal(Place::ChainKey, bytes.as_slice()).map_err(unusable)?),
        audit_chain::position.eq(head.position),
        audit_chain::mac.eq(head.mac()),
        audit_chain::seal.eq(key.seal(&head)),
        audit_chain::sealed_under.eq(vault.key_id()),
        audit_chain::oldest_level.eq(OLDEST_LEVEL),
        audit_chain::newest_level.eq(SCHEMA_LEVEL),
    );
    diesel::insert_into(audit_chain::table)
        .values(row)
        .execute(connection)?;
    // From now on a database without a chain is one that was tampered with.
    diesel::update(master_keys::table.find(vault.key_id()))
        .set(master_keys::proof.eq(seal_proof_of_chained(vault).map_err(unusable)?))
        .execute(connection)?;
    Ok(())
}

fn chain_earlier_records(connection: &mut AnyConnection, key: &ChainKey) -> Result<AuditHead, OpenError> {
    let mut head = AuditHead::of_nothing();
    loop {
        let rows = records_after(connection, head.position, i64::MAX)?;
        if rows.is_empty() {
            return Ok(head);
        }
        for mut row in rows {
            key.append_in_place(&mut head, &mut row);
            diesel::update(audit_records::table.find(row.position))
                .set(audit_records::mac.eq(row.mac))
                .execute(connection)?;
        }
    }
}

fn unusable(error: SealError) -> OpenError {
    OpenError::Sealing(error.into())
}
