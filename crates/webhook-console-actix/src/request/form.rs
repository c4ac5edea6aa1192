//! The fields of a form, as a browser sends them (`application/x-www-form-urlencoded`).

use actix_web::web::Bytes;
use url::form_urlencoded;
use webhook_domain::idempotency::IdempotencyKey;
use webhook_domain::webhook::{Precondition, Version};

/// The field in which a form carries its key.
pub(crate) const KEY: &str = "form";
/// The most fields of a form.
const MOST_FIELDS: usize = 1_000;

/// What was filled in.
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    /// The bytes that it was read from.
    pub(crate) body: Bytes,
}

impl Form {
    /// Reads the body of a form. None when it has too many fields.
    pub(crate) fn read(body: Bytes) -> Option<Self> {
        let fields: Vec<_> = fields(&body).take(MOST_FIELDS + 1).collect();
        (fields.len() <= MOST_FIELDS).then_some(Self { fields, body })
    }

    /// The first value of the field `name`; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        let named = self.fields.iter().find(|(key, _)| key == name);
        named.map_or("", |(_, value)| value)
    }

    /// All values of the field `name`.
    pub(crate) fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The version of the webhook that was seen when the form was made: what it asks for is meant for that one.
    pub(crate) fn version(&self) -> Precondition {
        let version = self.text("version").parse().ok().map(Version);
        Precondition::VersionIn(version.into_iter().collect())
    }

    /// The key that was made with the page.
    pub(crate) fn key(&self) -> Option<IdempotencyKey> {
        IdempotencyKey::parse(self.text(KEY)).ok()
    }
}

/// The pairs in `text`, decoded.
pub(crate) fn fields(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned()))
}
