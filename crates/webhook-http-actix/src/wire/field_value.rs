//! What a field is in an answer.

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};
use webhook_domain::id::WebhookId;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{ActionList, CustomHeaders};

use super::penalty_box::PenaltyBoxJson;
use super::secret_adoption::SecretAdoptionJson;

/// A field as an answer has it.
pub(crate) enum FieldValue<'a> {
    Null,
    Flag(bool),
    Whole(u16),
    Text(&'a str),
    Id(WebhookId),
    Instant(Instant),
    Actions(&'a ActionList),
    /// By their names: their values are in no answer.
    HeaderNames(&'a CustomHeaders),
    PenaltyBox(&'a PenaltyBoxJson),
    SecretAdoption(&'a SecretAdoptionJson),
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Whole(number) => serializer.serialize_u16(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Id(id) => serializer.collect_str(id),
            Self::Instant(instant) => serializer.collect_str(instant),
            Self::Actions(list) => {
                let items = list.iter();
                let mut shown = serializer.serialize_seq(Some(items.len()))?;
                for action in items {
                    shown.serialize_element(action.as_str())?;
                }
                shown.end()
            }
            Self::HeaderNames(headers) => {
                let headers = headers.iter();
                let mut shown = serializer.serialize_map(Some(headers.len()))?;
                for header in headers {
                    shown.serialize_entry(header.name.as_str(), &Self::Null)?;
                }
                shown.end()
            }
            Self::PenaltyBox(penalty_box) => penalty_box.serialize(serializer),
            Self::SecretAdoption(adoption) => adoption.serialize(serializer),
        }
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u16> for FieldValue<'_> {
    fn from(number: u16) -> Self {
        Self::Whole(number)
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<Instant> for FieldValue<'_> {
    fn from(instant: Instant) -> Self {
        Self::Instant(instant)
    }
}

impl<'a> From<&'a ActionList> for FieldValue<'a> {
    fn from(list: &'a ActionList) -> Self {
        Self::Actions(list)
    }
}

impl<'a> From<&'a CustomHeaders> for FieldValue<'a> {
    fn from(headers: &'a CustomHeaders) -> Self {
        Self::HeaderNames(headers)
    }
}

impl<'a> From<&'a PenaltyBoxJson> for FieldValue<'a> {
    fn from(penalty_box: &'a PenaltyBoxJson) -> Self {
        Self::PenaltyBox(penalty_box)
    }
}

impl<'a> From<&'a SecretAdoptionJson> for FieldValue<'a> {
    fn from(adoption: &'a SecretAdoptionJson) -> Self {
        Self::SecretAdoption(adoption)
    }
}

impl<'a, T: Into<FieldValue<'a>>> From<Option<T>> for FieldValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
