//! The checks of a webhook's keys, by its audit records.

use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::key_check::Verdict;
use webhook_domain::ports::AuditQuery;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

use super::timeline::{Mark, MarkKind};
use crate::request::call::Call;
use crate::trouble::Trouble;

/// How many of the webhook's newest checks are shown.
const SHOWN: u32 = 50;

/// What one check found.
pub(super) struct Check {
    /// The fingerprint of the key that was the current one, about which it asked.
    pub(super) key: String,
    verdict: String,
    at: Instant,
}

impl Check {
    fn of(record: AuditRecord) -> Option<Self> {
        Some(Self {
            key: record.details.current_key?,
            verdict: record.details.verdict?,
            at: record.at,
        })
    }

    /// As a mark of its key.
    pub(super) fn mark(&self) -> Mark {
        let kind = match self.verdict == Verdict::Adopted.name() {
            true => MarkKind::CheckedWell,
            false => MarkKind::Checked,
        };
        let verdict = self.verdict.replace('_', " ").to_lowercase();
        Mark::new(kind, self.at, format!("checked: {verdict}"))
    }
}

/// The newest ones, if the caller may see them.
pub(super) async fn read(call: &Call, acting: &Acting, webhook: &Webhook) -> Result<Vec<Check>, Trouble> {
    if !acting.may(Permission::AuditRecordView) {
        return Ok(Vec::new());
    }
    let query = AuditQuery {
        action: Some(AuditAction::KeysChecked),
        ..AuditQuery::of_resource(webhook.id.to_string(), SHOWN)
    };
    let records = call.console().audit.list(acting, query).await?;
    Ok(records.into_iter().filter_map(Check::of).collect())
}
