//! A request as a route sees it. A route asks for its parts one after the other, in the order of the contract
//! (credential, permission and platform, the path's id, the query, `Idempotency-Key`, `If-Match`, the body), and the first
//! part that is wrong ends it.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{Error, FromRequest, HttpRequest};
use webhook_domain::InvalidValue;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::{ApiKeyId, DeliveryId, RotationId, WebhookId};
use webhook_domain::idempotency::IdempotencyKey;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::webhook::Precondition;

use crate::answer::{Resource, Success};
use crate::api::{Api, Core};
use crate::errors::{Code, Problem};
use crate::paths::{FINGERPRINT, ID, WEBHOOK_ID};
use crate::request::idempotency::{self, Turn};
use crate::request::{body, context, etag, query};

/// What a path has in the place of each name of its pattern.
pub(crate) type Parts = Vec<(&'static str, String)>;

/// A request as a route sees it.
pub(crate) struct Call {
    pub(crate) request: HttpRequest,
    pub(crate) core: Data<Core>,
    /// What the path names; nothing until its pattern is known.
    pub(crate) parts: Parts,
    /// What carries the body, until it is read.
    payload: Option<Payload>,
}

impl FromRequest for Call {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let Some(core) = request.app_data::<Data<Core>>().cloned() else {
            return ready(Err(Problem::internal("the application has no API").into()));
        };
        ready(Ok(Self {
            request: request.clone(),
            core,
            parts: Parts::new(),
            payload: Payload::from_request(request, payload).into_inner().ok(),
        }))
    }
}

impl Call {
    /// The services.
    pub(crate) fn api(&self) -> &Api {
        &self.core.api
    }

    /// The caller at work, if it may do this on the platform that the request names.
    pub(crate) async fn acting(&self, permission: Permission) -> Result<Acting, Problem> {
        context::acting(&self.request, &self.core, permission).await
    }

    /// What the path has in the place of `name`; nothing if its pattern has no such name.
    pub(crate) fn part(&self, name: &str) -> &str {
        let part = self.parts.iter().find(|(known, _)| *known == name);
        part.map_or("", |(_, part)| part)
    }

    /// The webhook that the path names.
    pub(crate) fn webhook_id(&self) -> Result<WebhookId, Problem> {
        self.id(WEBHOOK_ID)
    }

    /// The key that the path names by its fingerprint.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint, Problem> {
        let fingerprint = self.part(FINGERPRINT).parse();
        fingerprint.map_err(|problem| Problem::invalid_value(FINGERPRINT, &problem))
    }

    /// The API key that the path names.
    pub(crate) fn api_key_id(&self) -> Result<ApiKeyId, Problem> {
        self.id(ID)
    }

    /// The rotation that the path names.
    pub(crate) fn rotation_id(&self) -> Result<RotationId, Problem> {
        self.id(ID)
    }

    /// The event on its way to a webhook that the path names.
    pub(crate) fn delivery_id(&self) -> Result<DeliveryId, Problem> {
        self.id(ID)
    }

    fn id<T: FromStr<Err = InvalidValue>>(&self, name: &str) -> Result<T, Problem> {
        self.part(name).parse().map_err(|problem: InvalidValue| {
            let message = format!("the id in the path {problem}");
            Problem::new(StatusCode::BAD_REQUEST, Code::InvalidId, message)
        })
    }

    /// Refuses a query: none of its parameters would do anything.
    pub(crate) fn without_query(&self) -> Result<(), Problem> {
        query::none(&self.request)
    }

    /// The `Idempotency-Key`, if there is one.
    pub(crate) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        idempotency::key(&self.request)
    }

    /// What `If-Match` asks for.
    pub(crate) fn precondition(&self) -> Result<Precondition, Problem> {
        etag::precondition(&self.request)
    }

    /// The body; empty when there is none.
    pub(crate) async fn body(&mut self) -> Result<Bytes, Problem> {
        let payload = self.take_payload()?;
        body::read(&self.request, payload, &self.core.limits).await
    }

    /// The body, which must be there: a JSON object `that` does something, as an error says it.
    pub(crate) async fn required_body(&mut self, that: &str) -> Result<Bytes, Problem> {
        let body = self.body().await?;
        required(body, that)
    }

    /// The same of an event, which may be longer.
    pub(crate) async fn required_event(&mut self, that: &str) -> Result<Bytes, Problem> {
        let payload = self.take_payload()?;
        let body = body::read_event(&self.request, payload, &self.core.limits).await?;
        required(body, that)
    }

    /// Refuses a body.
    pub(crate) async fn without_body(&mut self) -> Result<Bytes, Problem> {
        let payload = self.take_payload()?;
        body::read_none(&self.request, payload, &self.core.limits).await
    }

    fn take_payload(&mut self) -> Result<Payload, Problem> {
        let payload = self.payload.take();
        payload.ok_or_else(|| Problem::internal("a route read the body twice"))
    }

    /// Waits for the turn of a request that changes something and asks for what `body` says. A success is answered as `success`.
    pub(crate) async fn turn<T: Resource>(
        &self,
        acting: &Acting,
        key: Option<IdempotencyKey>,
        body: &Bytes,
        success: Success,
    ) -> Result<Turn<T>, Problem> {
        idempotency::turn(&self.core, acting, key, &self.request, body, success).await
    }
}

fn required(body: Bytes, that: &str) -> Result<Bytes, Problem> {
    match body.is_empty() {
        true => Err(Problem::bad_request(format!(
            "the body must be a JSON object that {that}"
        ))),
        false => Ok(body),
    }
}
