//! What clients send beside webhooks: from JSON to the domain's value types, naming the field that is wrong.

pub(crate) mod api_key;
pub(crate) mod event;
mod object;
pub(crate) mod replay;

pub(crate) use self::api_key::api_key;
pub(crate) use self::event::event;
pub(crate) use self::object::Fields;
pub(crate) use self::replay::replay;
