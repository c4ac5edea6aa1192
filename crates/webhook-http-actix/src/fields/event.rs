//! The object that an event is published with. What the publisher says of it is kept as it was written, byte for byte.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use webhook_domain::delivery::event::JsonText;
use webhook_domain::services::PublishEvent;
use webhook_domain::webhook::ActionCatalogue;

use crate::errors::Problem;

/// What a client may set.
pub(crate) const SETTABLE: [&str; 4] = ["type", "data", "previous_data", "original_request_id"];

/// What an answer has and a client may not set.
pub(crate) const IGNORED: [&str; 4] = ["object_type", "id", "created_at", "webhook_events"];

/// The pairs of the body's object, their values as they were written.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl<'a> Pairs<'a> {
    fn of(body: &'a [u8]) -> Result<Self, Problem> {
        let Self(pairs) = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::bad_request(format!(
                "the body must be a JSON object (RFC 8259) in UTF-8; see line {line}, column {column}"
            ))
        })?;
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !SETTABLE.contains(&name.as_str()) && !IGNORED.contains(&name.as_str()) {
                return Err(Problem::invalid_name(
                    name,
                    "is not a field of this object; leave it out or correct its name",
                ));
            }
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::invalid_field(
                    name.clone(),
                    "must not stand in its object twice",
                ));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of that name; none if it is absent or null.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    fn json(&self, name: &'static str) -> Result<Option<JsonText>, Problem> {
        let Some(json) = self.get(name).map(JsonText::from) else {
            return Ok(None);
        };
        json.check_depth()
            .map_err(|problem| Problem::invalid_value(name, &problem))?;
        Ok(Some(json))
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        serde_json::from_str(value.get())
            .map(Some)
            .map_err(|_| Problem::invalid_field(name, "must be a string"))
    }
}

/// The event that `body` publishes, of an action of `catalogue`.
pub(crate) fn event(body: &[u8], catalogue: &ActionCatalogue) -> Result<PublishEvent, Problem> {
    let pairs = Pairs::of(body)?;
    let required = |field| move || Problem::missing_field(field, "must be there, and not null");
    let action = pairs.text("type")?.ok_or_else(required("type"))?;
    let action = catalogue
        .publishable(action)
        .map_err(|problem| Problem::invalid_value("type", &problem))?;
    let request = pairs.text("original_request_id")?.map(|text| text.parse());
    Ok(PublishEvent {
        action,
        data: pairs.json("data")?.ok_or_else(required("data"))?,
        previous_data: pairs.json("previous_data")?,
        original_request_id: request
            .transpose()
            .map_err(|problem| Problem::invalid_value("original_request_id", &problem))?,
        idempotent: None,
    })
}
