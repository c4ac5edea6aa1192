//! An event: as it is published, and as the answer shows it. What the publisher says of it is kept as it was written, byte for
//! byte.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::delivery::event::JsonText;
use webhook_domain::id::{EventId, RequestId};
use webhook_domain::ports::Published;
use webhook_domain::services::PublishEvent;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Action, ActionCatalogue};

use super::answer::answer;
use super::body::{Sent, body};
use super::schemas::{AsText, Described, plain};
use crate::errors::Problem;
use crate::openapi::values::{anything, matching};

answer! {
    /// An event that was published.
    #[document("Event", object_type = "EVENT")]
    pub struct EventJson<'a> {
        /// The event's id; receivers see it as `webhook-id`.
        id: AsText<EventId> = "evt_01hv9k2m4rt6w8y0abcdefghjk",
        /// What happened.
        r#type: AsText<&'a Action> = "INVOICE.CREATED",
        /// When it was published.
        created_at: AsText<Instant> = "2024-04-12T15:22:37Z",
        /// To how many webhooks it goes.
        webhook_events: u64 = 2,
    }
}

impl<'a> EventJson<'a> {
    /// `published`, without what it says.
    #[must_use]
    pub fn new(published: &'a Published) -> Self {
        let event = &published.event;
        Self {
            object_type: Self::OBJECT_TYPE,
            id: AsText(event.id),
            r#type: AsText(&event.action),
            created_at: AsText(event.created_at),
            webhook_events: published.deliveries,
        }
    }
}

body! {
    /// An event to publish.
    #[document("PublishEvent", read_from = EventFields<'_>, answered_with = EventJson<'_>)]
    pub(crate) struct EventBody {
        /// What happened: an action of the deployment.
        r#type: Action = "INVOICE.CREATED",
        /// What there is to say of it: any JSON but null. It is delivered byte for byte.
        data: JsonText = {"id": "inv_1", "total": 12.5},
        /// What the resource was before, for webhooks that include it.
        previous_data: Option<JsonText>,
        /// The request that made it happen.
        original_request_id: Option<RequestId>,
    }
}

/// The event that `body` publishes, of an action of `catalogue`.
pub(crate) fn publish(body: &[u8], catalogue: &ActionCatalogue) -> Result<PublishEvent, Problem> {
    let pairs = Pairs::of(body)?;
    let asked = EventBody::read(&mut EventFields { pairs, catalogue })?;
    Ok(PublishEvent {
        action: asked.r#type,
        data: asked.data,
        previous_data: asked.previous_data,
        original_request_id: asked.original_request_id,
        trace: None,
        idempotent: None,
    })
}

/// The fields of an event to publish, and the actions that it may be of.
pub(crate) struct EventFields<'a> {
    pairs: Pairs<'a>,
    catalogue: &'a ActionCatalogue,
}

impl Sent for Action {
    type Fields<'a> = EventFields<'a>;

    fn take_if_there(name: &'static str, fields: &mut EventFields<'_>) -> Result<Option<Self>, Problem> {
        let Some(text) = fields.pairs.text(name)? else {
            return Ok(None);
        };
        let action = fields.catalogue.publishable(text);
        action
            .map(Some)
            .map_err(|problem| Problem::invalid_value(name, &problem))
    }
}

impl Described for JsonText {
    fn schema(says: &str, _: bool) -> RefOr<Schema> {
        anything(says)
    }
}

impl Sent for JsonText {
    type Fields<'a> = EventFields<'a>;

    fn take_if_there(name: &'static str, fields: &mut EventFields<'_>) -> Result<Option<Self>, Problem> {
        let Some(json) = fields.pairs.get(name).map(Self::from) else {
            return Ok(None);
        };
        json.check_depth()
            .map_err(|problem| Problem::invalid_value(name, &problem))?;
        Ok(Some(json))
    }
}

impl Described for RequestId {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(matching("^[A-Za-z0-9_.-]{1,128}$", says), nullable)
    }
}

impl Sent for RequestId {
    type Fields<'a> = EventFields<'a>;

    fn take_if_there(name: &'static str, fields: &mut EventFields<'_>) -> Result<Option<Self>, Problem> {
        let id = fields.pairs.text(name)?.map(|text| text.parse());
        id.transpose()
            .map_err(|problem| Problem::invalid_value(name, &problem))
    }
}

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
            if !EventBody::is_known(name) {
                return Err(Problem::invalid_name(
                    name,
                    "is not a field of this object; leave it out or correct its name",
                ));
            }
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::invalid_field(
                    name.clone(),
                    "must not be in its object twice",
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

    fn text(&self, name: &'static str) -> Result<Option<String>, Problem> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        serde_json::from_str(value.get())
            .map(Some)
            .map_err(|_| Problem::invalid_field(name, "must be a string"))
    }
}
