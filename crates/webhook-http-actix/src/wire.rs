//! Resources on the wire: the JSON of the API, for whoever else shows it too, such as a command line.
//!
//! A field of a resource is declared once: its name, what it is, who may set it and when it must be there, how its value is
//! read and shown, and an example. Reading, writing and the schemas of the document come from that declaration.
//!
//! - `schemas` says what the document has of a type of value, `answer` declares objects that are shown, `body` objects that
//!   are read. A file for each resource declares its own with them.
//! - The webhook, which is created, changed, rolled and shown, has a table of fields: `field` says what stands in it, `value`
//!   which kinds of values can be set, `webhook` is the table, and `object` reads, writes and describes by it.
//!
//! Every field is there, null when it is empty. What may be seen by nobody (a password, a digest) has no field in an answer;
//! what may be seen by few (a webhook's keys, the text of a new API key) is there only where the caller says so.

mod actions;
pub(crate) mod answer;
mod api_key;
mod audit_record;
mod body;
pub(crate) mod declared;
mod event;
mod field;
mod field_value;
mod fields;
mod key_check;
mod key_set;
mod object;
mod penalty_box;
mod probe;
mod replay;
mod retired_key;
mod rotation;
pub(crate) mod schemas;
mod secret_adoption;
mod shown;
mod signing_key;
mod value;
mod webhook;
mod webhook_event;

use crate::openapi::shared::Component;

pub(crate) use self::actions::{ActionListJson, ORDER_OF_ACTIONS};
pub(crate) use self::api_key::{ApiKeyBody, create_api_key};
pub(crate) use self::event::{EventBody, publish};
pub(crate) use self::key_set::KeySetJson;
pub(crate) use self::object::{CreateWebhook, RollSecret, UpdateWebhook, create, roll, update};
pub(crate) use self::replay::{ReplayBody, replay};
pub(crate) use self::retired_key::{RestoreBody, RetiredKeyBody, restore, set_expiry};
pub(crate) use self::rotation::{RotationBody, start_rotation};
pub(crate) use self::shown::expected_length;

pub use self::api_key::ApiKeyJson;
pub use self::audit_record::AuditRecordJson;
pub use self::event::EventJson;
pub use self::key_check::KeyCheckJson;
pub use self::object::read_create_object;
pub use self::probe::ProbeJson;
pub use self::replay::ResentJson;
pub use self::rotation::{RotationJson, RotationPlanJson, RotationWebhookJson, described_rotation};
pub use self::shown::{Keys, WebhookJson, described};
pub use self::signing_key::SigningKeyJson;
pub use self::webhook_event::{WebhookEventJson, described_delivery};

/// The objects that stand in answers.
pub(crate) const OBJECTS: [Component; 15] = [
    actions::ObjectActionsJson::COMPONENT,
    audit_record::AuditRecordJson::COMPONENT,
    audit_record::RetiredKeyJson::COMPONENT,
    key_check::CheckedKeyJson::COMPONENT,
    key_check::KeyControlJson::COMPONENT,
    key_set::PublicKeyJson::COMPONENT,
    penalty_box::PenaltyBoxJson::COMPONENT,
    rotation::FILTER,
    rotation::RotationWebhookJson::COMPONENT,
    secret_adoption::SecretAdoptionJson::COMPONENT,
    signing_key::SigningKeyJson::COMPONENT,
    signing_key::ShownJson::COMPONENT,
    signing_key::SignedJson::COMPONENT,
    signing_key::SignedForHostJson::COMPONENT,
    webhook_event::AttemptJson::COMPONENT,
];
