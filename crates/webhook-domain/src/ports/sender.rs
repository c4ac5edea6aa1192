//! What carries deliveries to receivers.

use std::time::Duration;

use async_trait::async_trait;

use super::Shortage;
use crate::delivery::attempt::{AttemptOutcome, BodyStart};
use crate::signing::receipt::ReceiptHeader;
use crate::webhook::{Authentication, CustomHeaders, TargetUrl};

/// One request to a receiver: `POST`, with a body of JSON.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Where it goes.
    pub url: TargetUrl,
    /// Its signature, and the trace that it belongs to, by name and value. No setting of a webhook's takes the place of any of these.
    pub headers: Vec<(&'static str, String)>,
    /// How the service proves itself beside the signature.
    pub authentication: Authentication,
    /// Headers of the webhook's owner. None of them takes the place of any other header.
    pub custom_headers: Option<CustomHeaders>,
    /// The body, as it was signed, byte for byte.
    pub body: Vec<u8>,
    /// Whether somebody tries the receiver out: it is then asked on a connection of its own, and once in any case.
    pub is_probe: bool,
    /// How long it may take, if that is less than an attempt may take otherwise.
    pub within: Option<Duration>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// How long the receiver wishes not to be asked again, if it said so in a way that can be read.
    pub retry_after: Option<Duration>,
    /// The beginning of a failed answer's body, as far as it came soon. Whatever it does, it decides nothing.
    pub body: BodyStart,
    /// The value of the first `webhook-receipt` of a successful answer.
    pub receipt: Option<ReceiptHeader>,
}

impl Response {
    /// That it ended like this, without a wish, a body or a receipt.
    #[must_use]
    pub fn of(outcome: AttemptOutcome) -> Self {
        Self {
            outcome,
            retry_after: None,
            body: BodyStart::default(),
            receipt: None,
        }
    }
}

/// Carries deliveries to receivers. It connects to no address that may not be delivered to, follows no redirects, and comes
/// to an end within the time that an attempt may take, whatever the receiver does.
#[cfg_attr(any(test, feature = "test-support"), mockall::automock)]
#[async_trait]
pub trait Sender: Send + Sync {
    /// Sends `parcel`. It is sent again, within the same attempt, only if the connection that was kept from an earlier one ended
    /// before anything came back on it.
    ///
    /// # Errors
    /// When something of this service's own is wanting. Nothing is known of the receiver then; it may have got the parcel.
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage>;
}
