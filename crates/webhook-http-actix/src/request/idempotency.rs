//! `Idempotency-Key`: a request that its client names may be sent again.
//!
//! Here the name is read and a second request with it waits for the first. That nothing is done twice is up to the
//! store, which keeps the [answer](crate::answer) of the first and gives it again.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::access::caller::Acting;
use webhook_domain::idempotency::{
    IdempotencyKey, IdempotencySlot, IdempotentRequest, Render, RequestFingerprint,
};
use webhook_domain::ports::Outcome;
use webhook_domain::{ServiceError, StoreError};
use webhook_front_actix::{Held, NotHeld};

use crate::answer::{self, Resource, Success, View, to_store};
use crate::api::Core;
use crate::errors::Problem;

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The name that the request was given by its client, if it was.
pub(crate) fn key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let mut sent = request.headers().get_all(&IDEMPOTENCY_KEY);
    let Some(first) = sent.next() else {
        return Ok(None);
    };
    if sent.next().is_some() {
        return Err(Problem::invalid_field(
            "Idempotency-Key",
            "must be sent at most once",
        ));
    }
    IdempotencyKey::parse(first.to_str().unwrap_or_default())
        .map(Some)
        .map_err(|problem| Problem::invalid_value("Idempotency-Key", &problem))
}

/// The turn of a request that changes something. While it lives, no other request with the same `Idempotency-Key` runs.
pub(crate) struct Turn<T> {
    named: Option<(Held<IdempotencySlot>, IdempotentRequest<T>)>,
    success: Success,
}

/// Waits for the turn of a request; one without a `key` has it at once. A success is answered as `success`.
pub(crate) async fn turn<T: Resource>(
    core: &Core,
    acting: &Acting,
    key: Option<IdempotencyKey>,
    request: &HttpRequest,
    body: &Bytes,
    success: Success,
) -> Result<Turn<T>, Problem> {
    let Some(key) = key else {
        return Ok(Turn { named: None, success });
    };
    let slot = IdempotencySlot {
        platform: acting.platform().clone(),
        credential: acting.credential(),
        key: key.clone(),
    };
    let held = core.in_flight.hold(slot, core.limits.idempotency_wait).await;
    let held = held.map_err(|not_held| match not_held {
        NotHeld::StillRunning => Problem::still_running(),
        NotHeld::Full => ServiceError::from(StoreError::Overloaded).into(),
    })?;
    let fingerprint = RequestFingerprint::of(&[
        request.method().as_str().as_bytes(),
        request.uri().path().as_bytes(),
        request.query_string().as_bytes(),
        body,
    ]);
    let view = View::of(core, acting);
    let render: Render<T> = Arc::new(move |resource, now| to_store(resource, now, success, view));
    let request = IdempotentRequest {
        key,
        fingerprint,
        render,
    };
    Ok(Turn {
        named: Some((held, request)),
        success,
    })
}

impl<T: Resource + Clone> Turn<T> {
    /// The request as the domain takes it, if its client named it.
    pub(crate) fn request(&self) -> Option<IdempotentRequest<T>> {
        self.named.as_ref().map(|(_, request)| request.clone())
    }

    /// The answer to what came of it. One that is given again is noted before, if it shows secrets, and is not given if that fails.
    pub(crate) async fn answer(
        &self,
        core: &Core,
        acting: &Acting,
        outcome: &Outcome<T>,
    ) -> Result<HttpResponse, Problem> {
        if let Outcome::Replayed(stored) = outcome
            && let Some(shown) = answer::secrets_in::<T>(stored)?
        {
            core.api.webhooks.shown_again(acting, &shown).await?;
        }
        answer::of_change(core, acting, outcome, self.success)
    }
}
