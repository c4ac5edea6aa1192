//! How much a platform has, in memory: all of it is counted each time.

use super::Tables;
use crate::access::api_key::ApiKey;
use crate::access::quota::Quota;
use crate::delivery::DeliveryStatus;
use crate::error::Refusal;
use crate::id::PlatformId;

impl Tables {
    /// Whether the platform may have another webhook.
    pub(super) fn judge_webhooks(&self, quota: Option<Quota>, platform: &PlatformId) -> Result<(), Refusal> {
        let present = self.webhooks.values();
        judge(
            quota,
            present.filter(|webhook| webhook.platform == *platform).count(),
            1,
        )
    }

    /// Whether the scope of `key` may have it besides.
    pub(super) fn judge_api_keys(&self, quota: Option<Quota>, key: &ApiKey) -> Result<(), Refusal> {
        let present = self.api_keys.values().filter(|other| {
            let has_expired = other.expires_at.is_some_and(|expiry| expiry <= key.created_at);
            other.scope == key.scope && other.revoked_at.is_none() && !has_expired
        });
        judge(quota, present.count(), 1)
    }

    /// Whether so many deliveries more may wait on the platform.
    pub(super) fn judge_pending(
        &self,
        quota: Option<Quota>,
        platform: &PlatformId,
        more: usize,
    ) -> Result<(), Refusal> {
        let present = self.lanes.deliveries.values().filter(|kept| {
            let delivery = &kept.delivery;
            delivery.platform == *platform
                && delivery.status == DeliveryStatus::Pending
                && self.webhooks.contains_key(&delivery.webhook)
        });
        judge(quota, present.count(), more)
    }
}

fn judge(quota: Option<Quota>, present: usize, more: usize) -> Result<(), Refusal> {
    match quota {
        None => Ok(()),
        Some(quota) => Ok(quota.admit(present as u64, more as u64)?),
    }
}
