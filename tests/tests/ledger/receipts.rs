//! Receipts of the receivers, through all that goes wrong: whatever is killed, stopped or late, a key is adopted only if the receiver
//! has made a receipt with it, and it is the current one.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use webhook_tests::{Client, fixtures::Webhook, fixtures::get, receiver::Delivered};

use crate::judge::Key;

/// What a receiver knows of its secrets. One of three makes no receipts, one makes them with the newest secret that verifies, and one
/// like machines behind a balancer, of which not all have changed over.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    /// Oldest first.
    secrets: Vec<String>,
    made_with: HashSet<String>,
    deliveries: usize,
}

impl Knowledge {
    pub(crate) fn learn(&mut self, secret: String) {
        self.secrets.push(secret);
    }

    /// The header line with the receipt for a delivery to webhook number `webhook`.
    pub(crate) fn receipt(&mut self, webhook: usize, delivered: &Delivered) -> Option<String> {
        self.deliveries += 1;
        let mut verify = self
            .secrets
            .iter()
            .filter(|secret| delivered.is_signed_with(secret));
        let secret = match (webhook % 3, self.deliveries % 2) {
            (0, _) => None,
            (1, _) | (_, 0) => verify.next_back(),
            _ => verify.next(),
        }?;
        self.made_with.insert(secret.clone());
        Some(format!("webhook-receipt: {}\r\n", delivered.receipt(secret)))
    }

    /// Holds what the service says of the webhook against what the receiver has shown. Gives whether its key is adopted.
    pub(crate) fn judge(&self, client: &Client, webhook: &Webhook, keys: &[Key]) -> bool {
        let adoption = get(client, webhook).json["secret_adoption"].clone();
        if adoption.is_null() {
            return false;
        }
        let current = keys.last().expect("a webhook has a key").secret.as_str();
        let digest = ring::digest::digest(&ring::digest::SHA256, current.as_bytes());
        let fingerprint = format!("sha256:{}", HEXLOWER.encode(&digest.as_ref()[..8]));
        assert_eq!(adoption["fingerprint"], fingerprint, "{adoption}");
        assert_eq!(adoption["evidence"], "RECEIPT", "{adoption}");
        assert!(
            self.made_with.contains(current),
            "nobody has made a receipt with the key of {adoption}"
        );
        true
    }
}
