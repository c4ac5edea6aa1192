//! What the webhooks are called that a page names by their ids, asked for all of them at once.

use std::collections::{BTreeMap, BTreeSet};

use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::webhook::Labels;

use super::list::PLACE;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::Named;
use crate::view::webhook::title_of;

/// The names of some webhooks.
pub(crate) struct Names<'a> {
    acting: &'a Acting,
    known: BTreeMap<WebhookId, Labels>,
}

impl<'a> Names<'a> {
    /// Those of these webhooks; none for those who may not see webhooks.
    pub(crate) async fn read(
        call: &Call,
        acting: &'a Acting,
        ids: impl Iterator<Item = WebhookId>,
    ) -> Result<Self, Trouble> {
        let ids: BTreeSet<_> = ids.collect();
        let known = match ids.is_empty() || !acting.may(Permission::WebhookView) {
            true => BTreeMap::new(),
            false => {
                let ids = ids.into_iter().collect();
                call.console().webhooks.labels(acting, ids).await?
            }
        };
        Ok(Self { acting, known })
    }

    /// The webhook with this id: one that is no more by its id alone.
    pub(crate) fn of(&self, id: WebhookId) -> Named {
        let Some(labels) = self.known.get(&id) else {
            return Named::by_id(id);
        };
        Named {
            id: id.to_string(),
            title: title_of(labels.name.as_ref(), labels.reference.as_ref()).map(str::to_owned),
            href: Some(paths::page(self.acting.platform(), format_args!("{PLACE}/{id}"))),
        }
    }
}
