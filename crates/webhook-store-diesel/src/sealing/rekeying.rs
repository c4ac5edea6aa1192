//! A new master key in the place of an old one, while processes go on serving.
//!
//! | step | what the database has after it | who can open it |
//! |---|---|---|
//! | [`begin`](Rekeying::begin) | a row for each of the two keys, each sealed under the other; new values go under the new key | both |
//! | [`reseal`](Rekeying::reseal), in small steps | ever fewer values under the old key, at last none | both |
//! | [`finish`](Rekeying::finish) | a row for the new key alone, and an audit record | the new one |
//!
//! Each step is one transaction or many small ones, and may be begun again after a crash at any point: what is done is
//! found done. Running processes learn the new key on the way (see `handover`) and keep it; one that cannot
//! reach the database between the second step and the third must be started again with the new key.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_query;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::entropy::Entropy;

use crate::audit::chain::ChainKey;
use crate::audit::head::{Chain, Keys};
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::opening;
use crate::database::opening::{OpenError, Opened, seal_proof_of_chained};
use crate::database::row::RowError;
use crate::database::schema::{
    audit_chain, audit_ends, audit_records, idempotent_answers, master_keys, webhooks,
};
use crate::engine::failure::{Failure, transact};
use crate::sealing::handover;
use crate::sealing::{MasterKey, Place, SealError, Vault, sealing_key_name};
use crate::webhooks::row::LoadedWebhook;
use crate::{DatabaseUrl, InUse};

/// How many rows are resealed in one transaction: few, so that nobody waits for it for long.
const STEP: i64 = 64;
/// Between two transactions, so that others come to write.
const PAUSE: Duration = Duration::from_millis(1);
/// How long the old key stays after nothing is sealed under it any more: processes ask every 5 seconds which key to seal
/// under, and learn the new one then at the latest.
pub const GRACE: Duration = Duration::from_secs(20);

/// A master key could not be replaced. What was done before stays done, and can be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new key is the old one.
    #[error("the new master key is the one the database has; make another with `openssl rand -base64 32`")]
    SameKey,
    /// Another new key is taking the place of the old one.
    #[error(
        "the database is being given another master key than this one, that with the id {pending}; finish that first, \
         by calling this again with that key, or without naming one"
    )]
    OtherKeyPending {
        /// Tells that key from others.
        pending: String,
    },
    /// A statement was refused, or the connection broke.
    #[error("the database refused a statement")]
    Statement(#[from] Error),
    /// A value could not be sealed or opened.
    #[error("a value could not be sealed anew")]
    Sealing(#[from] SealError),
    /// A row cannot be read. Nothing was changed in it; the old key stays until it can.
    #[error("a row cannot be read")]
    Row(#[from] RowErrorText),
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RowErrorText(String);

impl From<RowError> for RekeyError {
    fn from(error: RowError) -> Self {
        Self::Row(RowErrorText(error.to_string()))
    }
}

impl From<Failure> for RekeyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Row(error) => error.into(),
            Failure::Constraint(error)
            | Failure::Before(error)
            | Failure::Lanes(error, _)
            | Failure::Commit(error) => Self::Statement(error),
            Failure::NotAsOne | Failure::Panicked | Failure::LaneLocked => {
                Self::Statement(Error::RollbackTransaction)
            }
        }
    }
}

/// A replacement of the master key under way, or about to begin.
pub struct Rekeying {
    connection: AnyConnection,
    vault: Vault,
    chain: ChainKey,
    /// The id of the key that is replaced, and of the one that replaces it; none before the beginning.
    keys: Option<(String, String)>,
    /// Says that the database is open.
    _in_use: Option<InUse>,
}

impl Rekeying {
    /// Opens the database with a key that it has: the old one, or the new one if that is on its way already. Blocks, as
    /// all of this does.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(url: &DatabaseUrl, key: MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, RekeyError> {
        let vault = Vault::new(key, entropy)?;
        let Opened {
            mut connection,
            chain,
            in_use,
            ..
        } = opening::open(url, &vault)?;
        let keys = pending(&mut connection)?;
        Ok(Self {
            connection,
            vault,
            chain,
            keys,
            _in_use: in_use,
        })
    }

    /// The new key, if it is on its way already.
    #[must_use]
    pub fn pending_key(&self) -> Option<MasterKey> {
        let (_, new) = self.keys.as_ref()?;
        self.vault.master_key(new)
    }

    /// Tells the old key from others, once it is being replaced.
    #[must_use]
    pub fn old_key_id(&self) -> Option<&str> {
        self.keys.as_ref().map(|(old, _)| old.as_str())
    }

    /// Tells the new key from others, once it is on its way.
    #[must_use]
    pub fn new_key_id(&self) -> Option<&str> {
        self.keys.as_ref().map(|(_, new)| new.as_str())
    }

    /// Puts the new key beside the old one and has every new value sealed under it. Done already for this key, it does
    /// nothing.
    ///
    /// # Errors
    /// [`RekeyError::SameKey`], [`RekeyError::OtherKeyPending`], or the database's.
    pub fn begin(&mut self, new: &MasterKey) -> Result<(), RekeyError> {
        let new_id = self.vault.learn(new.clone())?;
        if let Some((_, pending)) = &self.keys {
            return match *pending == new_id {
                true => Ok(()),
                false => Err(RekeyError::OtherKeyPending {
                    pending: pending.clone(),
                }),
            };
        }
        let old_id = self.vault.key_id();
        if old_id == new_id {
            return Err(RekeyError::SameKey);
        }
        let old = self.vault.master_key(&old_id).ok_or(SealError::OtherMasterKey)?;
        let to_new = self.vault.seal(Place::Bridge(&new_id), new.expose())?;
        let vault = &self.vault;
        self.connection.begin()?;
        let begun = put_beside(&mut self.connection, vault, (&old_id, &old), (&new_id, to_new));
        match begun {
            Ok(()) => self.connection.commit()?,
            Err(error) => {
                // What went wrong says more than what the rollback may add.
                let _ = self.connection.rollback();
                self.vault.seal_under(&old_id);
                return Err(error);
            }
        }
        self.keys = Some((old_id, new_id));
        Ok(())
    }

    /// Seals everything anew that is not under the new key yet, and says how many rows that were. `progress` is told how
    /// many after each step, and stops it by saying false.
    ///
    /// # Errors
    /// The database's, or a row's that cannot be read.
    pub fn reseal(&mut self, progress: &mut dyn FnMut(u64) -> bool) -> Result<u64, RekeyError> {
        let mut resealed = 0;
        loop {
            let before = resealed;
            let whole = self.reseal_webhooks(&mut resealed, progress)?
                && self.reseal_answers(&mut resealed, progress)?;
            // Nothing new comes under the old key, so a second pass finds nothing, unless it was stopped.
            if !whole || resealed == before {
                return Ok(resealed);
            }
        }
    }

    fn reseal_webhooks(
        &mut self,
        resealed: &mut u64,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<bool, RekeyError> {
        let mut last = String::new();
        loop {
            let ids: Vec<String> = webhooks::table
                .filter(webhooks::id.gt(&last))
                .order(webhooks::id)
                .select(webhooks::id)
                .limit(STEP)
                .load(&mut self.connection)?;
            let Some(end) = ids.last() else { return Ok(true) };
            last.clone_from(end);
            let vault = &self.vault;
            let count = transact(&mut self.connection, |connection| {
                let mut count = 0;
                for (row, _) in connection.lock_webhooks(&ids, TakenRows::Await)? {
                    let loaded = LoadedWebhook::decode(row, vault)?;
                    if !loaded.is_sealed_under(&vault.key_id()) {
                        connection.update_webhook(&loaded.resealed(vault)?)?;
                        count += 1;
                    }
                }
                Ok(count)
            })?;
            *resealed += count;
            if !progress(*resealed) {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn reseal_answers(
        &mut self,
        resealed: &mut u64,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<bool, RekeyError> {
        let mut last = Vec::new();
        loop {
            let answers: Vec<(Vec<u8>, Vec<u8>)> = idempotent_answers::table
                .filter(idempotent_answers::slot.gt(&last))
                .order(idempotent_answers::slot)
                .select((idempotent_answers::slot, idempotent_answers::answer))
                .limit(STEP)
                .load(&mut self.connection)?;
            let Some((end, _)) = answers.last() else {
                return Ok(true);
            };
            last.clone_from(end);
            let new_id = self.vault.key_id();
            let old = |answer: &[u8]| sealing_key_name(answer).is_some_and(|name| name != new_id);
            let mut anew = Vec::new();
            for (slot, answer) in answers.into_iter().filter(|(_, answer)| old(answer)) {
                let opened = self.vault.open(Place::Answer(&slot), &answer)?;
                anew.push((self.vault.seal(Place::Answer(&slot), &opened)?, slot, answer));
            }
            *resealed += anew.len() as u64;
            transact(&mut self.connection, |connection| {
                for (sealed, slot, before) in &anew {
                    // One that was forgotten or replaced meanwhile is left alone.
                    let same = idempotent_answers::table
                        .find(slot)
                        .filter(idempotent_answers::answer.eq(before));
                    diesel::update(same)
                        .set(idempotent_answers::answer.eq(sealed))
                        .execute(connection)?;
                }
                Ok(())
            })?;
            if !progress(*resealed) {
                return Ok(false);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Has the database forget the old key, and writes `audit`. To be called once [`reseal`](Self::reseal) has found
    /// nothing any more and [`GRACE`] has passed.
    ///
    /// # Errors
    /// The database's.
    pub fn finish(&mut self, audit: &AuditRecord) -> Result<(), RekeyError> {
        let Some((old, new)) = self.keys.clone() else {
            return Ok(());
        };
        let keys = Keys {
            vault: &self.vault,
            chain: &self.chain,
        };
        transact(&mut self.connection, |connection| {
            let mut chain = Chain::lock(connection, keys)?;
            let forgotten = diesel::delete(master_keys::table.find(&old)).execute(connection)?;
            diesel::update(master_keys::table.find(&new))
                .set(master_keys::bridge.eq(None::<Vec<u8>>))
                .execute(connection)?;
            // Another run of this may have finished it.
            if forgotten > 0 {
                let row = AuditRow::encode(audit)?;
                let resource = row.resource_id.clone();
                let previous = newest_record(connection, &row)?;
                let position = chain.append(row, previous);
                connection.note_audit_end(&resource, position)?;
            }
            chain.save(connection, &[])
        })?;
        self.keys = None;
        self.connection.write_back()?;
        Ok(())
    }
}

/// Where the newest record of the resource of `row` stands. The master key has no row of its own that would say it, so
/// that it is kept where that of a deleted webhook is; a release that did not keep it is asked after the slow way, once.
fn newest_record(connection: &mut AnyConnection, row: &AuditRow) -> QueryResult<Option<i64>> {
    let kept: Option<i64> = audit_ends::table
        .find(&row.resource_id)
        .select(audit_ends::last_audit)
        .get_result(connection)
        .optional()?;
    if kept.is_some() {
        return Ok(kept);
    }
    audit_records::table
        .filter(audit_records::platform.eq(&row.platform))
        .filter(audit_records::resource_id.eq(&row.resource_id))
        .select(diesel::dsl::max(audit_records::position))
        .get_result(connection)
}

/// The ids of the key that is being replaced and of the one that replaces it.
fn pending(connection: &mut AnyConnection) -> QueryResult<Option<(String, String)>> {
    let ids: Vec<String> = master_keys::table.select(master_keys::id).load(connection)?;
    let sealing: String = audit_chain::table
        .find(1)
        .select(audit_chain::sealed_under)
        .get_result(connection)?;
    let old = ids.into_iter().find(|id| *id != sealing);
    Ok(old.map(|old| (old, sealing)))
}

fn put_beside(
    connection: &mut AnyConnection,
    vault: &Vault,
    (old_id, old): (&str, &MasterKey),
    (new_id, to_new): (&str, Vec<u8>),
) -> Result<(), RekeyError> {
    // From here on nobody writes anything that is sealed, and nobody else comes to this.
    let head = connection.lock_chain_head()?;
    if let AnyConnection::Postgres(postgres) = connection {
        sql_query("LOCK TABLE master_keys IN EXCLUSIVE MODE").execute(postgres)?;
    }
    if head.sealed_under != old_id {
        return Err(RekeyError::OtherKeyPending {
            pending: head.sealed_under,
        });
    }
    let chain_key: Vec<u8> = audit_chain::table
        .find(1)
        .select(audit_chain::chain_key)
        .get_result(connection)?;
    let chain_key = vault.open(Place::ChainKey, &chain_key)?;
    vault.seal_under(new_id);
    let row = (
        master_keys::id.eq(new_id),
        master_keys::proof.eq(seal_proof_of_chained(vault)?),
        master_keys::bridge.eq(Some(to_new)),
    );
    diesel::insert_into(master_keys::table)
        .values(row)
        .execute(connection)?;
    let to_old = vault.seal(Place::Bridge(old_id), old.expose())?;
    diesel::update(master_keys::table.find(old_id))
        .set(master_keys::bridge.eq(Some(to_old)))
        .execute(connection)?;
    diesel::update(audit_chain::table.find(1))
        .set((
            audit_chain::sealed_under.eq(new_id),
            audit_chain::chain_key.eq(vault.seal(Place::ChainKey, &chain_key)?),
        ))
        .execute(connection)?;
    handover::follow(connection, vault)?;
    Ok(())
}
