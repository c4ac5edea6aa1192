//! What is said of a delivery wherever it is shown, and where that is.

use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::attempt::{Attempt, AttemptOutcome};
use webhook_domain::delivery::{Delivery, DeliveryStatus};
use webhook_domain::id::WebhookId;
use webhook_domain::webhook::Webhook;
use webhook_domain::{Refusal, ServiceError};

use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::State;

/// The place of deliveries in the navigation.
pub(super) const PLACE: &str = "deliveries";

/// Where one delivery is shown.
pub(super) fn path_of(delivery: &Delivery) -> String {
    paths::page(&delivery.platform, format_args!("{PLACE}/{}", delivery.id))
}

/// How far a delivery has come.
pub(super) fn state(status: DeliveryStatus) -> State {
    match status {
        DeliveryStatus::Pending => State::wait("waiting"),
        DeliveryStatus::Succeeded { .. } => State::good("delivered"),
        DeliveryStatus::Failed { .. } => State::bad("given up"),
    }
}

/// How an attempt ended, in words.
pub(super) fn outcome(attempt: &Attempt) -> String {
    match attempt.outcome {
        AttemptOutcome::Succeeded { status } => format!("taken: {}", status.get()),
        AttemptOutcome::Failed { cause } => format!("failed: {cause}"),
    }
}

/// The webhook, if it still exists and the caller may see it.
pub(super) async fn webhook_of(
    call: &Call,
    acting: &Acting,
    id: WebhookId,
) -> Result<Option<Webhook>, Trouble> {
    if !acting.may(Permission::WebhookView) {
        return Ok(None);
    }
    match call.console().webhooks.look(acting, id).await {
        Ok(webhook) => Ok(Some(webhook)),
        Err(ServiceError::Refused(Refusal::NotFound { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
