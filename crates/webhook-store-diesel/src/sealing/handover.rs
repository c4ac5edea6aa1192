//! How a process learns of the master key that takes the place of its own.
//!
//! While a new master key takes the place of an old one, both have a row in `master_keys`, and each is sealed there under
//! the other, which is called a bridge: who has one of them has both, and every value can be read with either. The head
//! of the audit records' chain names the one that new values are sealed under; since whoever writes locks the head first,
//! nothing is sealed under the old key once the new one is named there. See [`crate::sealing::rekeying`].

use diesel::prelude::*;

use crate::database::connection::AnyConnection;
use crate::database::schema::{audit_chain, master_keys};
use crate::sealing::{MasterKey, Place, Vault};

/// Learns the master keys that the known ones lead to.
pub(crate) fn learn(connection: &mut AnyConnection, vault: &Vault) -> QueryResult<()> {
    let bridges: Vec<(String, Option<Vec<u8>>)> = master_keys::table
        .select((master_keys::id, master_keys::bridge))
        .load(connection)?;
    for (id, bridge) in bridges {
        // One that cannot be opened leads nowhere; what is sealed under its key says so when it is read.
        let opened = bridge.and_then(|bridge| vault.open(Place::Bridge(&id), &bridge).ok());
        let key = opened.and_then(|bytes| MasterKey::from_bytes(&bytes));
        if let Some(Err(error)) = key.map(|key| vault.learn(key)) {
            tracing::error!(error = %error, "a master key could not be learnt");
        }
    }
    Ok(())
}

/// Seals under the key that the head of the chain names from now on, learning it if need be. For the thread that writes
/// alone: nobody else may change what it seals under while it does.
pub(crate) fn follow(connection: &mut AnyConnection, vault: &Vault) -> QueryResult<()> {
    let named: Option<String> = audit_chain::table
        .find(1)
        .select(audit_chain::sealed_under)
        .get_result(connection)
        .optional()?;
    match named {
        Some(named) => follow_to(connection, vault, &named),
        None => Ok(()),
    }
}

/// As [`follow`], to the key of this name.
pub(crate) fn follow_to(connection: &mut AnyConnection, vault: &Vault, named: &str) -> QueryResult<()> {
    if vault.key_id() == named {
        return Ok(());
    }
    learn(connection, vault)?;
    if vault.seal_under(named) {
        tracing::info!(
            master_key.id = named,
            "values are sealed under another master key from now on"
        );
        return Ok(());
    }
    let problem = "another master key has taken the place of this process's; start it again with the new one";
    Err(diesel::result::Error::QueryBuilderError(problem.into()))
}
