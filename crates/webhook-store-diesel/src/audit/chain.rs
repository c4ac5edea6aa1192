//! The chain of audit records: each carries a MAC over itself and the MAC of the one before it.
//!
//! The key of the chain is random, made with the database, and kept sealed in it; without the master key nobody can
//! make a MAC. So a record that was changed, removed, added or moved breaks the chain where that was done. The head,
//! position and MAC of the newest record, stands in a row of its own under a MAC of its own: records cut off at the
//! end are missed there. Only who puts back an older copy of all of it is not found out by the database alone, but by
//! a head that was [kept elsewhere](AuditHead).
//!
//! The row of the head is also what puts all writers of all processes in line: it is locked after the rows of webhooks
//! and before anything is written, so nobody waits for a lock while holding it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ring::hmac;
use webhook_domain::access::audit_chain::AuditHead;

use crate::audit::row::AuditRow;

/// Makes the MACs of the chain.
pub(crate) struct ChainKey {
    key: hmac::Key,
    /// Where the last record stands that this process has appended, or found at the end.
    newest: AtomicI64,
    others_append: AtomicBool,
}

impl ChainKey {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            newest: AtomicI64::new(0),
            others_append: AtomicBool::new(false),
        }
    }

    /// Notes where the newest record was found.
    pub(crate) fn found(&self, newest: i64) {
        if self.newest.swap(newest, Ordering::Relaxed) != newest {
            self.others_append.store(true, Ordering::Relaxed);
        }
    }

    /// Notes where the newest record is that this process has appended.
    pub(crate) fn appended(&self, newest: i64) {
        self.newest.store(newest, Ordering::Relaxed);
    }

    /// Whether another process has appended records since this was last asked, as far as it was found. A transaction of this process that
    /// was undone looks alike.
    pub(crate) fn have_others_appended(&self) -> bool {
        self.others_append.swap(false, Ordering::Relaxed)
    }

    /// Puts `row` at the end of the chain. Its `previous` must be set.
    pub(crate) fn append(&self, head: &mut AuditHead, row: &mut AuditRow) {
        row.position = head.position + 1;
        self.append_in_place(head, row);
    }

    /// As [`append`](Self::append) for a row that has its position.
    pub(crate) fn append_in_place(&self, head: &mut AuditHead, row: &mut AuditRow) {
        row.mac = self.mac_of(row, head.mac()).as_ref().to_vec();
        *head = AuditHead::new(row.position, row.mac.clone());
    }

    /// Whether `row` is what was appended to a chain that ended with `head`.
    pub(crate) fn holds(&self, head: &AuditHead, row: &AuditRow) -> bool {
        row.position > head.position && hmac::verify(&self.key, &message(row, head.mac()), &row.mac).is_ok()
    }

    /// What proves that `head` was the head once.
    pub(crate) fn seal(&self, head: &AuditHead) -> Vec<u8> {
        hmac::sign(&self.key, &head_message(head)).as_ref().to_vec()
    }

    pub(crate) fn is_sealed(&self, head: &AuditHead, seal: &[u8]) -> bool {
        hmac::verify(&self.key, &head_message(head), seal).is_ok()
    }

    fn mac_of(&self, row: &AuditRow, before: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, &message(row, before))
    }
}

/// The record as bytes, its texts each preceded by their length, so that no two records have the same.
fn message(row: &AuditRow, before: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(512);
    message.push(b'r');
    message.extend_from_slice(&(before.len() as u64).to_be_bytes());
    message.extend_from_slice(before);
    for number in [row.position, row.previous.unwrap_or(0), row.at] {
        message.extend_from_slice(&number.to_be_bytes());
    }
    for text in [
        &row.id,
        &row.platform,
        &row.credential,
        &row.request_id,
        &row.action,
        &row.resource_id,
        &row.details,
    ] {
        message.extend_from_slice(&(text.len() as u64).to_be_bytes());
        message.extend_from_slice(text.as_bytes());
    }
    message
}

fn head_message(head: &AuditHead) -> Vec<u8> {
    let mut message = vec![b'h'];
    message.extend_from_slice(&head.position.to_be_bytes());
    message.extend_from_slice(head.mac());
    message
}
