//! What is declared of a field of an object, and what the document says of the object.

use serde_json::{Map, Value};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};

/// A field as it is declared.
pub(crate) struct Declared {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    /// What it is, in lines.
    pub(crate) says: &'static [&'static str],
    /// Whether it must be there.
    pub(crate) is_required: bool,
    /// The schema of its type.
    pub(crate) schema: fn(&str, bool) -> RefOr<Schema>,
    /// What it is in the example of the object, if it is there.
    pub(crate) example: Option<fn() -> Value>,
}

/// The schema of an object with these fields, each of them as `finished` leaves it.
pub(crate) fn object(
    about: &[&str],
    fields: &[Declared],
    finished: impl Fn(&Declared, &mut RefOr<Schema>),
) -> ObjectBuilder {
    let mut object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(joined(about)));
    for field in fields {
        let mut schema = (field.schema)(&joined(field.says), false);
        finished(field, &mut schema);
        object = object.property(field.name, schema);
        if field.is_required {
            object = object.required(field.name);
        }
    }
    let example = |field: &Declared| Some((field.name.to_owned(), field.example?()));
    let example: Map<_, _> = fields.iter().filter_map(example).collect();
    match example.is_empty() {
        true => object,
        false => object.examples([Value::Object(example)]),
    }
}

/// A comment's lines as one text.
fn joined(lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// The name on the wire of a field of a struct.
pub(crate) const fn name_of(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}
