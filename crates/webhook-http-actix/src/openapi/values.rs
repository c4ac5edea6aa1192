//! The values that stand in requests and answers: what texts, ids and instants may be. Every pattern is anchored at
//! both ends, and in the common part of ECMA-262's and other dialects.

use std::fmt::Write as _;

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{AdditionalProperties, Schema, SchemaType};
use utoipa::openapi::{Array, Object, ObjectBuilder, RefOr, Type};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::text::{self, Pattern};
use webhook_domain::webhook::{PageSize, TargetUrl};

const OVERLAP: &str = "For how many seconds the secret that is retired goes on signing; 0 retires every older one at once, for a leak. \
     What the deployment says (a day unless set otherwise) if it is absent. Not 1 to 599 in a change from or to an Ed25519 key, which \
     receivers look up.";

/// What is said of keeping the previous secret.
pub(crate) const KEPT: &str = "Whether the previous secret goes on signing beyond its overlap until the receiver was shown to verify with the new \
                               one, at most until 30 days after it was retired. Not with an overlap of 0.";
/// What is said of the overlap of an undone roll.
pub(crate) const UNDONE_FOR: &str = "For how many seconds the secret that the undone roll made goes on signing; 0 ends that secret alone. \
     What the deployment says (a day unless set otherwise) if it is absent.";

/// 26 characters of Crockford's base32 in lower case, within 128 bits.
const ULID: &str = "[0-7][0-9a-hjkmnp-tv-z]{25}";
/// An instant in UTC with whole seconds.
const INSTANT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";
/// Anything but control characters.
const FREE_TEXT: &str = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$";
const PLATFORM: &str = "^[a-zA-Z0-9_-]{1,64}$";
const PLATFORM_OR_ALL: &str = "^(\\*|[a-zA-Z0-9_-]{1,64})$";
/// `https` in any case, and `http` where the deployment allows it; without what is refused for sure.
const URL: &str = "^[hH][tT][tT][pP][sS]?://[^\\s\\\\#/?][^\\s\\\\#]*$";
/// 32 bytes, or the 24 to 64 of one that was imported.
const SECRET: &str = "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$";
const VERIFICATION_KEY: &str = "^whpk_[A-Za-z0-9+/]{43}=$";
const FINGERPRINT: &str = "^sha256:[0-9a-f]{16}$";

/// A schema that is an object with named properties, or a plain value.
pub(crate) fn one(object: impl Into<Object>) -> RefOr<Schema> {
    RefOr::T(Schema::Object(object.into()))
}

/// The same, or null.
pub(crate) fn or_null(object: impl Into<Object>) -> RefOr<Schema> {
    let mut object = object.into();
    if let SchemaType::Type(kind) = &object.schema_type {
        object.schema_type = SchemaType::from_iter([kind.clone(), Type::Null]);
    }
    if let Some(values) = &mut object.enum_values {
        values.push(serde_json::Value::Null);
    }
    one(object)
}

/// A value of any kind.
pub(crate) fn anything(description: &str) -> RefOr<Schema> {
    one(ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some(description)))
}

/// An object with any fields.
pub(crate) fn any_object(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some(description))
}

/// Marks a field that only answers have.
pub(crate) fn read_only(field: &mut RefOr<Schema>) {
    match field {
        RefOr::Ref(reference) => reference.read_only = Some(true),
        RefOr::T(Schema::Object(object)) => object.read_only = Some(true),
        RefOr::T(Schema::OneOf(either)) => either.read_only = Some(true),
        RefOr::T(_) => {}
    }
}

/// Marks a field that only requests have.
pub(crate) fn write_only(field: &mut RefOr<Schema>) {
    match field {
        RefOr::Ref(reference) => reference.write_only = Some(true),
        RefOr::T(Schema::Object(object)) => object.write_only = Some(true),
        RefOr::T(Schema::OneOf(either)) => either.write_only = Some(true),
        RefOr::T(_) => {}
    }
}

/// A text.
pub(crate) fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description).filter(|text| !text.is_empty()))
}

/// A text that matches.
pub(crate) fn matching(pattern: &str, description: &str) -> ObjectBuilder {
    string(description).pattern(Some(pattern))
}

/// A text of one of the published patterns.
pub(crate) fn of_pattern(pattern: &Pattern, description: &str) -> ObjectBuilder {
    matching(pattern.regex(), description).max_length(Some(text::MAX_LENGTH))
}

/// A text of people's own.
pub(crate) fn free_text(description: &str) -> ObjectBuilder {
    matching(FREE_TEXT, description).max_length(Some(text::MAX_LENGTH))
}

/// One of a few names.
pub(crate) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>, description: &str) -> ObjectBuilder {
    string(description).enum_values(Some(names.into_iter()))
}

pub(crate) fn boolean(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some(description))
}

/// A whole number within these bounds.
pub(crate) fn whole(least: usize, most: usize, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(most))
        .description(Some(description).filter(|text| !text.is_empty()))
}

/// An id: its prefix and a ULID.
pub(crate) fn id(prefix: &str, description: &str) -> ObjectBuilder {
    let mut pattern = String::from("^");
    // Writing to a text cannot fail.
    let _ = write!(pattern, "{prefix}{ULID}$");
    matching(&pattern, description)
}

pub(crate) fn instant(description: &str) -> ObjectBuilder {
    matching(INSTANT, description).examples(["2024-04-12T15:22:37Z"])
}

pub(crate) fn platform(description: &str) -> ObjectBuilder {
    matching(PLATFORM, description)
}

pub(crate) fn platform_or_all(description: &str) -> ObjectBuilder {
    matching(PLATFORM_OR_ALL, description)
}

pub(crate) fn url(description: &str) -> ObjectBuilder {
    matching(URL, description)
        .max_length(Some(TargetUrl::MAX_LENGTH))
        .examples(["https://example.com/webhooks"])
}

pub(crate) fn secret(description: &str) -> ObjectBuilder {
    matching(SECRET, description)
}

pub(crate) fn verification_key(description: &str) -> ObjectBuilder {
    matching(VERIFICATION_KEY, description)
}

pub(crate) fn fingerprint(description: &str) -> ObjectBuilder {
    matching(FINGERPRINT, description)
}

/// The one text that a field can be.
pub(crate) fn constant(value: &str, description: &str) -> RefOr<Schema> {
    one(one_of([value], description))
}

/// How many seconds a retired secret goes on signing.
pub(crate) fn overlap() -> ObjectBuilder {
    whole(0, Overlap::MAX_SECONDS as usize, OVERLAP)
}

pub(crate) fn list(items: impl Into<RefOr<Schema>>, description: &str) -> RefOr<Schema> {
    let items: RefOr<Schema> = items.into();
    let mut array = Array::new(items);
    array.description = Some(description.to_owned());
    RefOr::T(Schema::Array(array))
}

/// The greatest number of a page: what every JSON parser holds exactly.
pub(crate) const MAX_PAGE: u64 = 1 << 53;

/// How many items a part of a list has at the most.
pub(crate) fn limit(says: &str) -> ObjectBuilder {
    whole(1, PageSize::MAX.get() as usize, says).default(Some(PageSize::default().get().into()))
}

/// The number of a page.
pub(crate) fn page(says: &str) -> ObjectBuilder {
    whole(1, usize::try_from(MAX_PAGE).unwrap_or(usize::MAX), says)
}

/// A header of an answer.
pub(crate) fn header(schema: impl Into<Object>, description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(Schema::Object(schema.into())))
        .description(Some(description))
        .build()
}

/// The header that every answer has.
pub(crate) fn request_id_header() -> (String, RefOr<Header>) {
    let schema = matching("^[A-Za-z0-9_.-]{1,128}$", "");
    let description = "The request's own id, or `reqr_` and 20 letters or digits; the log has it too.";
    ("X-REQUEST-ID".to_owned(), RefOr::T(header(schema, description)))
}
