//! Resources on the wire. A field of a resource is declared once: its name, what it is, who may set it and when it must be
//! there, how its value is read and shown, and an example. Reading, writing and the schemas of the document come from that
//! declaration.
//!
//! `field` says what a declaration consists of, `value` which kinds of values there are; a value's rule and its schema belong
//! to its type. `webhook` is the table of the webhook's fields, and `object` reads, writes and describes by it.

mod field;
mod field_value;
mod object;
mod shown;
mod value;
mod webhook;

pub(crate) use object::{create, create_schema, roll, roll_schema, shown_schema, update, update_schema};
pub(crate) use shown::expected_length;
pub use shown::{Keys, WebhookJson, described};
