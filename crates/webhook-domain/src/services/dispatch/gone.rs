//! What becomes of a webhook whose receiver says that it is gone.

use super::Dispatch;
use crate::access::audit::{AuditAction, AuditDetails, AuditStamp};
use crate::access::caller::Acting;
use crate::error::{Refusal, ServiceError};
use crate::id::RequestId;
use crate::ports::{Change, Outcome};
use crate::services::saved;
use crate::time::Instant;
use crate::webhook::{Happened, Version, Webhook};

impl Dispatch {
    /// Makes the webhook inactive whose receiver has said that it is gone, unless it has been given another receiver meanwhile.
    /// Gives the version of the webhook for which the answer holds, and whether it is inactive now.
    pub(super) async fn set_inactive(
        &self,
        asked: &Webhook,
        now: Instant,
    ) -> Result<(Version, bool), ServiceError> {
        let id = RequestId::generate(self.entropy.as_ref())?;
        let acting = Acting::as_service(asked.platform.clone(), id);
        let url = asked.settings.url.clone();
        let decide = move |stored: &Webhook, stamp: &AuditStamp| {
            if !stored.settings.active || stored.settings.url != url {
                return Ok(Change::default());
            }
            let gone = stored.clone().gone(now);
            let keys = AuditDetails::default();
            let tells = &[Happened::Updated];
            Ok(saved(
                stored,
                gone,
                stamp,
                AuditAction::WebhookUpdated,
                keys,
                tells,
            ))
        };
        let changing = self.changing(self.describe);
        let outcome = changing.decide(&acting, asked.id, None, now, decide).await;
        match outcome {
            Ok(Outcome::Done { subject, .. }) if subject.settings.url == asked.settings.url => {
                Ok((subject.version, !subject.settings.active))
            }
            // Deleted meanwhile: nobody asks.
            Ok(_) | Err(ServiceError::Refused(Refusal::NotFound { .. })) => Ok((asked.version, false)),
            Err(error) => Err(error),
        }
    }
}
