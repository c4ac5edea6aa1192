//! The head of the audit records' chain inside a transaction: locked, moved on, saved.

use diesel::prelude::*;
use webhook_domain::access::audit::AuditRecord;
use webhook_domain::access::audit_chain::AuditHead;
use webhook_domain::id::AuditRecordId;

use crate::audit::chain::ChainKey;
use crate::audit::row::AuditRow;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::levels;
use crate::database::schema::audit_ends;
use crate::engine::failure::Failure;
use crate::sealing::Vault;
use crate::sealing::handover;
use crate::webhooks::row::RingColumns;

/// The keys that writing takes.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) chain: &'a ChainKey,
}

/// What the row of the head holds, as a transaction that is about to write finds it.
#[derive(Debug, Clone, diesel::Queryable)]
pub(crate) struct HeadRow {
    pub(crate) position: i64,
    pub(crate) mac: Vec<u8>,
    /// The master key that new values are sealed under.
    pub(crate) sealed_under: String,
    /// The oldest level whose processes may write.
    pub(crate) oldest_level: i64,
    /// The id of the newest record; empty if there is none.
    pub(crate) newest_id: String,
}

/// The head as it is to be.
pub(crate) struct NewHeadRow {
    pub(crate) position: i64,
    pub(crate) mac: Vec<u8>,
    pub(crate) seal: Vec<u8>,
    pub(crate) newest_id: String,
}

/// The head of the chain, locked until the transaction ends, and the records that are to be added.
pub(crate) struct Chain<'a> {
    key: &'a ChainKey,
    head: AuditHead,
    /// The id of the newest record, if there is one.
    newest: Option<AuditRecordId>,
    added: Vec<AuditRow>,
}

impl<'a> Chain<'a> {
    /// Locks the head, and sees to it that values are sealed under the right key. To be called after webhooks are locked
    /// and before anything is sealed or written.
    pub(crate) fn lock(connection: &mut AnyConnection, keys: Keys<'a>) -> Result<Self, Failure> {
        let row = connection.lock_chain_head()?;
        levels::admit(row.oldest_level)?;
        handover::follow_to(connection, keys.vault, &row.sealed_under)?;
        keys.chain.found(row.position);
        Ok(Self {
            key: keys.chain,
            head: AuditHead::new(row.position, row.mac),
            newest: row.newest_id.parse().ok(),
            added: Vec::new(),
        })
    }

    /// Adds a record, whose resource's record before is at `previous`, and says where it stands. Its id is made greater than all others,
    /// if it is not.
    pub(crate) fn append(&mut self, mut row: AuditRow, previous: Option<i64>) -> i64 {
        row.previous = previous;
        // An id of ours reads back.
        if let Ok(id) = row.id.parse::<AuditRecordId>() {
            let id = id.behind(self.newest);
            row.id = id.to_string();
            self.newest = Some(id);
        }
        self.key.append(&mut self.head, &mut row);
        let position = row.position;
        self.added.push(row);
        position
    }

    /// Adds a record of a resource that has no row which would say where its record before is, so that is kept where that of a deleted
    /// webhook is.
    pub(crate) fn append_at_end(
        &mut self,
        connection: &mut AnyConnection,
        record: &AuditRecord,
    ) -> Result<(), Failure> {
        let row = AuditRow::encode(record)?;
        let resource = row.resource_id.clone();
        let previous = audit_ends::table
            .find(&resource)
            .select(audit_ends::last_audit)
            .get_result(connection)
            .optional()?;
        let position = self.append(row, previous);
        Ok(connection.note_audit_end(&resource, position)?)
    }

    /// Writes the records and the head that they lead to, and with them what has changed in rings.
    pub(crate) fn save(self, connection: &mut AnyConnection, rings: &[RingColumns]) -> Result<(), Failure> {
        if self.added.is_empty() {
            if !rings.is_empty() {
                connection.update_rings(rings)?;
            }
            return Ok(());
        }
        let head = NewHeadRow {
            position: self.head.position,
            seal: self.key.seal(&self.head),
            mac: self.head.mac().to_vec(),
            newest_id: self.newest.map(|id| id.to_string()).unwrap_or_default(),
        };
        connection.save_chain(rings, &self.added, &head)?;
        self.key.appended(head.position);
        Ok(())
    }
}

/// Writes a record of a webhook that is not changed otherwise. The way to its newest record is kept in its row; that of a webhook which
/// is no more, where that of other resources without a row is.
pub(crate) fn append_alone(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    record: &AuditRecord,
) -> Result<(), Failure> {
    // Before the head, as in a group: whoever deletes the webhook has committed, or waits.
    let locked = connection.lock_webhooks(std::slice::from_ref(&record.resource_id), TakenRows::Await)?;
    let mut chain = Chain::lock(connection, keys)?;
    match locked.first() {
        Some((webhook, _)) => {
            let position = chain.append(AuditRow::encode(record)?, webhook.last_audit);
            connection.note_last_audit(&record.resource_id, position)?;
        }
        None => chain.append_at_end(connection, record)?,
    }
    chain.save(connection, &[])
}
