//! One element of a JWK Set's `keys`, read so that a wrong one does not make the others unreadable.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// An element, as JSON has it.
pub(crate) enum Element {
    /// An object.
    Object {
        /// Its members; of one that is there twice, the last.
        members: Map<String, Value>,
        /// Whether a member is there twice.
        is_ambiguous: bool,
    },
    /// Something else.
    Other,
}

impl Element {
    /// The text of a member, if it is there and a text.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        match self {
            Self::Object { members, .. } => members.get(member)?.as_str(),
            Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Element, A::Error> {
        let mut members = Map::new();
        let mut is_ambiguous = false;
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            is_ambiguous |= members.insert(name, value).is_some();
        }
        Ok(Element::Object {
            members,
            is_ambiguous,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Element, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_unit<E>(self) -> Result<Element, E> {
        Ok(Element::Other)
    }
}
