//! What audit records are of, by its name where it has one, and where it is shown.

use webhook_domain::access::audit::AuditRecord;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::{ApiKeyId, RotationId};

use crate::pages::webhooks::names::Names;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::Named;

/// What some records are of.
pub(crate) struct Resources<'a> {
    acting: &'a Acting,
    webhooks: Names<'a>,
}

impl<'a> Resources<'a> {
    /// What `records` are of.
    pub(crate) async fn read(
        call: &Call,
        acting: &'a Acting,
        records: &[AuditRecord],
    ) -> Result<Self, Trouble> {
        let webhooks = records
            .iter()
            .filter_map(|record| record.resource_id.parse().ok());
        Ok(Self {
            acting,
            webhooks: Names::read(call, acting, webhooks).await?,
        })
    }

    /// What `record` is of.
    pub(crate) fn of(&self, record: &AuditRecord) -> Named {
        let id = &record.resource_id;
        match id.parse() {
            Ok(webhook) => self.webhooks.of(webhook),
            Err(_) => Named {
                href: self.page_of(id),
                ..Named::by_id(id)
            },
        }
    }

    /// Where an API key or a campaign is shown, if the caller may see it. It may be gone.
    fn page_of(&self, id: &str) -> Option<String> {
        let (needed, path) = match (id.parse::<ApiKeyId>(), id.parse::<RotationId>()) {
            (Ok(_), _) => (Permission::ApiKeyView, "api-keys".to_owned()),
            (_, Ok(rotation)) => (Permission::WebhookView, format!("campaigns/{rotation}")),
            _ => return None,
        };
        let may_look = self.acting.may(needed);
        may_look.then(|| paths::page(self.acting.platform(), path))
    }
}
