//! The answers with a resource: at once, and as they are stored to be given again byte for byte.
//!
//! A stored answer is a line of JSON with the version of this form, the status and the headers that belong to the
//! resource, and then the body as it was sent.

mod resource;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::{Deserialize, Serialize};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::event::Environment;
use webhook_domain::ports::Outcome;
use webhook_domain::services::ShownAgain;
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;

pub(crate) use self::resource::Resource;
use crate::api::Core;
use crate::errors::Problem;
use crate::wire::Keys;

pub(crate) static IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The version of the form in which answers are stored.
const FORM: u8 = 1;

/// What a change is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Success {
    /// 200, without keys.
    Changed,
    /// 200, with the keys: it is they that changed.
    Rekeyed,
    /// 201, with `Location` and the keys.
    Created,
    /// 202: the rest is done later.
    Accepted,
}

impl Success {
    const fn status(self) -> StatusCode {
        match self {
            Self::Changed | Self::Rekeyed => StatusCode::OK,
            Self::Created => StatusCode::CREATED,
            Self::Accepted => StatusCode::ACCEPTED,
        }
    }

    const fn keys(self) -> Keys {
        match self {
            Self::Changed | Self::Accepted => Keys::Withheld,
            Self::Rekeyed | Self::Created => Keys::Shown,
        }
    }
}

/// What a caller is shown of a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// What deliveries call the deployment.
    environment: Environment,
    /// Whether the caller may see what is delivered.
    payloads: bool,
}

impl View {
    /// What `acting` is shown.
    pub(crate) fn of(core: &Core, acting: &Acting) -> Self {
        Self {
            environment: core.api.environment,
            payloads: acting.may(Permission::WebhookEventView),
        }
    }
}

/// All of an answer but its body.
#[derive(Serialize, Deserialize)]
struct Head<'a> {
    v: u8,
    status: u16,
    #[serde(borrow)]
    etag: Option<Cow<'a, str>>,
    #[serde(borrow)]
    location: Option<Cow<'a, str>>,
}

impl Head<'_> {
    fn of(resource: &impl Resource, success: Success) -> Head<'static> {
        let created = success == Success::Created;
        Head {
            v: FORM,
            status: success.status().as_u16(),
            etag: resource.etag().map(Cow::from),
            location: resource.location().filter(|_| created).map(Cow::from),
        }
    }

    fn with_body(self, body: Vec<u8>, replayed: bool) -> Result<HttpResponse, Problem> {
        let status = StatusCode::from_u16(self.status).map_err(Problem::internal)?;
        let mut response = uncached_json(status);
        if let Some(etag) = self.etag {
            response.insert_header((header::ETAG, etag.as_ref()));
        }
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location.as_ref()));
        }
        if replayed {
            response.insert_header((IDEMPOTENT_REPLAYED.clone(), "true"));
        }
        Ok(response.body(body))
    }
}

/// The answer that shows one webhook as it was read.
pub(crate) fn of_read(
    core: &Core,
    acting: &Acting,
    webhook: &Webhook,
    keys: Keys,
) -> Result<HttpResponse, Problem> {
    let body = webhook.to_body(core.api.clock.now(), keys, View::of(core, acting));
    Head::of(webhook, Success::Changed).with_body(body, false)
}

/// The answer that shows several of something.
pub(crate) fn of_list(list: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = serde_json::to_vec(list).map_err(Problem::internal)?;
    Ok(uncached_json(StatusCode::OK).body(body))
}

/// The beginning of an answer in JSON that nobody may keep.
fn uncached_json(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header(header::ContentType::json())
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

/// The answer to what came of a change.
pub(crate) fn of_change<T: Resource>(
    core: &Core,
    acting: &Acting,
    outcome: &Outcome<T>,
    success: Success,
) -> Result<HttpResponse, Problem> {
    match outcome {
        Outcome::Done {
            answer: Some(stored), ..
        } => from_store(stored, false),
        Outcome::Done {
            subject,
            answer: None,
        } => {
            let body = subject.to_body(core.api.clock.now(), success.keys(), View::of(core, acting));
            Head::of(subject.as_ref(), success).with_body(body, false)
        }
        Outcome::Replayed(stored) => from_store(stored, true),
    }
}

/// The answer to a change that left `resource` as it is at `now`, in the form in which it is stored.
pub(crate) fn to_store(resource: &impl Resource, now: Instant, success: Success, view: View) -> SecretBytes {
    // A head of texts and numbers can be written; an empty one would not be read back.
    let mut bytes = serde_json::to_vec(&Head::of(resource, success)).unwrap_or_default();
    let body = resource.to_body(now, success.keys(), view);
    bytes.reserve_exact(body.len() + 1);
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    // Wipes this copy of the keys, too.
    drop(SecretBytes::new(body));
    SecretBytes::new(bytes)
}

/// The secrets that an answer shows once more if it is given again; none if it has none.
pub(crate) fn secrets_in<T: Resource>(stored: &SecretBytes) -> Result<Option<ShownAgain>, Problem> {
    let (_, body) = read(stored)?;
    T::secrets_in(body)
}

fn from_store(stored: &SecretBytes, replayed: bool) -> Result<HttpResponse, Problem> {
    let (head, body) = read(stored)?;
    head.with_body(body.to_vec(), replayed)
}

fn read(stored: &SecretBytes) -> Result<(Head<'_>, &[u8]), Problem> {
    let unreadable = || Problem::internal("a stored answer has a form that this version does not know");
    let bytes = stored.expose();
    let end = bytes.iter().position(|b| *b == b'\n').ok_or_else(unreadable)?;
    let head: Head<'_> = serde_json::from_slice(&bytes[..end]).map_err(|_| unreadable())?;
    match head.v {
        FORM => Ok((head, &bytes[end + 1..])),
        _ => Err(unreadable()),
    }
}
