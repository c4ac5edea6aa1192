//! The navigation: one list, in the order in which it is shown. A page of its own in the navigation has a line here.

use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;

use crate::paths::page;

/// A place in the navigation.
struct Place {
    text: &'static str,
    /// Its path under that of the platform.
    path: &'static str,
    /// What a caller must be allowed to do to be shown it.
    needs: &'static [Permission],
}

static PLACES: &[Place] = &[
    Place {
        text: "Overview",
        path: "",
        needs: &[],
    },
    Place {
        text: "Webhooks",
        path: "webhooks",
        needs: &[Permission::WebhookView],
    },
    Place {
        text: "Penalty box",
        path: "penalty-box",
        needs: &[Permission::WebhookView],
    },
    Place {
        text: "Deliveries",
        path: "deliveries",
        needs: &[Permission::WebhookEventView],
    },
    Place {
        text: "Actions",
        path: "actions",
        needs: &[Permission::WebhookView],
    },
    Place {
        text: "Campaigns",
        path: "campaigns",
        needs: &[Permission::WebhookView],
    },
    Place {
        text: "Found keys",
        path: "leaks",
        needs: &[Permission::WebhookView, Permission::AuditRecordView],
    },
    Place {
        text: "API keys",
        path: "api-keys",
        needs: &[Permission::ApiKeyView],
    },
    Place {
        text: "Audit",
        path: "audit",
        needs: &[Permission::AuditRecordView],
    },
];

/// A place as one page shows it.
pub(crate) struct Link {
    pub(crate) text: &'static str,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

/// The places that `acting` is shown, on the page that belongs to `current`.
pub(crate) fn links(acting: &Acting, current: Option<&str>) -> Vec<Link> {
    let allowed = PLACES
        .iter()
        .filter(|place| place.needs.iter().all(|permission| acting.may(*permission)));
    allowed
        .map(|place| Link {
            text: place.text,
            href: page(acting.platform(), place.path),
            is_current: current == Some(place.path),
        })
        .collect()
}
