//! Lists: the parameters that say which part of one is wanted, and the links to its other parts.
//!
//! A link is a path with its query, every value percent-encoded (RFC 3986 §2.1).

pub(crate) mod filters;
pub(crate) mod webhooks;

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use webhook_domain::InvalidValue;
use webhook_domain::webhook::PageSize;

use self::webhooks::PageLinks;
use crate::errors::Problem;
use crate::openapi::shared::Component;
use crate::request::query::{Parameters, whole};
use crate::wire::answer::answer;
use crate::wire::schemas::{Described, Limit, Link};
use crate::wire::{
    ApiKeyJson, AuditRecordJson, RotationJson, RotationWebhookJson, SigningKeyJson, WebhookEventJson,
};

/// What is encoded of a value in a query: all but what is unreserved, and the colon of instants and fingerprints, which means nothing
/// there (RFC 3986 §3.4).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// What a list that is read in one direction is of.
pub(crate) trait Listed: Described {
    /// The name of the list in the document.
    const LIST: &'static str;
    /// What is in it, and in which order.
    const ABOUT: &'static str;
}

answer! {
    /// A part of a list that is read in one direction.
    #[document(T::LIST, about = T::ABOUT)]
    pub(crate) struct List<T: Listed> {
        /// What is in this part.
        data: Vec<T>,
        /// How many there are at the most.
        limit: Limit,
        /// Where the other parts are.
        links: PartLinks,
    }
}

answer! {
    /// Where the other parts are: paths with a query.
    #[document("PartLinks")]
    pub(crate) struct PartLinks {
        /// The first part.
        first: Link,
        /// This part.
        current: Link,
        /// The part after; null at the end.
        next: Option<Link>,
    }
}

pub(crate) type ApiKeyList<'a> = List<ApiKeyJson<'a>>;
pub(crate) type AuditRecordList<'a> = List<AuditRecordJson<'a>>;
pub(crate) type SigningKeyList<'a> = List<SigningKeyJson<'a>>;
pub(crate) type RotationList = List<RotationJson>;
pub(crate) type RotationWebhookList = List<RotationWebhookJson>;
pub(crate) type WebhookEventList<'a> = List<WebhookEventJson<'a>>;

impl Listed for ApiKeyJson<'_> {
    const LIST: &'static str = "ApiKeyList";
    const ABOUT: &'static str = "API keys in the order of their ids, revoked and expired ones too.";
}

impl Listed for AuditRecordJson<'_> {
    const LIST: &'static str = "AuditRecordList";
    const ABOUT: &'static str = "Audit records, newest first.";
}

impl Listed for SigningKeyJson<'_> {
    const LIST: &'static str = "SigningKeyList";
    const ABOUT: &'static str = "The signing keys with one fingerprint, in the order of their webhooks' ids.";
}

impl Listed for RotationJson {
    const LIST: &'static str = "RotationList";
    const ABOUT: &'static str = "Rotations, newest first.";
}

impl Listed for RotationWebhookJson {
    const LIST: &'static str = "RotationWebhookList";
    const ABOUT: &'static str = "The webhooks of a rotation, in the order in which it is their turn.";
}

impl Listed for WebhookEventJson<'_> {
    const LIST: &'static str = "WebhookEventList";
    const ABOUT: &'static str = "Events on their way to webhooks; those that were queued last come first.";
}

/// The objects with the links of lists.
pub(crate) const LINKS: [Component; 2] = [PartLinks::COMPONENT, PageLinks::COMPONENT];

/// A list in one direction, as a request asks for it: its path, the parameters that choose what is in it, how much of
/// it, and the parameter that says where to go on.
pub(crate) struct Asked {
    pub(crate) path: Cow<'static, str>,
    pub(crate) filters: Vec<(&'static str, String)>,
    pub(crate) limit: PageSize,
    pub(crate) cursor: (&'static str, Option<String>),
}

impl Asked {
    /// One more than is shown, so that it is known whether there is more.
    pub(crate) fn to_fetch(&self) -> u32 {
        self.limit.get() + 1
    }

    /// The list of what was fetched. `id_of` names the item after which the next part begins.
    pub(crate) fn list<'a, I, T>(
        self,
        fetched: &'a [I],
        id_of: impl FnOnce(&I) -> String,
        to_json: impl FnMut(&'a I) -> T,
    ) -> List<T>
    where
        T: Listed,
    {
        let limit = self.limit.get();
        let shown = &fetched[..fetched.len().min(limit as usize)];
        let last = shown.last().filter(|_| shown.len() < fetched.len());
        let next = last.map(|last| self.link(Some(id_of(last))));
        List {
            links: PartLinks {
                first: self.link(None),
                current: self.link(self.cursor.1.clone()),
                next,
            },
            data: shown.iter().map(to_json).collect(),
            limit: Limit(limit),
        }
    }

    fn link(&self, from: Option<String>) -> Link {
        let mut parameters = vec![("limit", self.limit.get().to_string())];
        parameters.extend(self.filters.iter().cloned());
        parameters.extend(from.map(|from| (self.cursor.0, from)));
        link(&self.path, &parameters)
    }
}

/// How many items the query asks for.
pub(crate) fn limit(parameters: &Parameters) -> Result<PageSize, Problem> {
    Ok(parameters.parsed("limit", page_size)?.unwrap_or_default())
}

/// A number of items.
pub(crate) fn page_size(text: &str) -> Result<PageSize, InvalidValue> {
    PageSize::new(whole(text).ok_or(PageSize::invalid())?)
}

fn link(path: &str, parameters: &[(&str, String)]) -> Link {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ENCODED)))
        .collect();
    Link(format!("{path}?{}", pairs.join("&")))
}
