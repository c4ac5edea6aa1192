//! Lists: the parameters that say which part of one is wanted, and the links to its other parts.
//!
//! A link is a path with its query, every value percent-encoded (RFC 3986 §2.1).

mod cursor;
pub(crate) mod filters;
pub(crate) mod webhooks;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use webhook_domain::InvalidValue;
use webhook_domain::webhook::PageSize;

use crate::errors::Problem;
use crate::query::{Parameters, whole};

/// What is encoded of a value in a query: all but what is unreserved, and the colon of instants and fingerprints, which means nothing
/// there (RFC 3986 §3.4).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// What the list of actions is ordered by.
pub(crate) const ORDER_OF_ACTIONS: &str = "object_type";

/// A part of a list that is read in one direction.
#[derive(Serialize)]
pub(crate) struct List<T> {
    data: Vec<T>,
    limit: u32,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    first: String,
    current: String,
    next: Option<String>,
}

/// A list in one direction, as a request asks for it: its path, the parameters that choose what is in it, how much of
/// it, and the parameter that says where to go on.
pub(crate) struct Asked {
    pub(crate) path: &'static str,
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
    ) -> List<T> {
        let limit = self.limit.get();
        let shown = &fetched[..fetched.len().min(limit as usize)];
        let last = shown.last().filter(|_| shown.len() < fetched.len());
        let next = last.map(|last| self.link(Some(id_of(last))));
        List {
            links: Links {
                first: self.link(None),
                current: self.link(self.cursor.1.clone()),
                next,
            },
            data: shown.iter().map(to_json).collect(),
            limit,
        }
    }

    fn link(&self, from: Option<String>) -> String {
        let mut parameters = vec![("limit", self.limit.get().to_string())];
        parameters.extend(self.filters.iter().cloned());
        parameters.extend(from.map(|from| (self.cursor.0, from)));
        link(self.path, &parameters)
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

fn link(path: &str, parameters: &[(&str, String)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ENCODED)))
        .collect();
    format!("{path}?{}", pairs.join("&"))
}
