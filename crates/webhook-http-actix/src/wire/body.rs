//! Objects that clients send. Each field is declared once, in the struct that is read: its name, its type, whether it must be
//! there, and an example; its comment is what the document says of it. What the answer has and the body does not is ignored, so
//! that what was answered can be sent back.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use webhook_domain::text::TextValue;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Edit, Name};

use super::declared::{Declared, object};
use super::fields::Fields;
use super::schemas::Described;
use crate::errors::Problem;
use crate::openapi::values::{anything, one, read_only, write_only};

/// What the document says of a field that a client may not set.
const IGNORED: &str = "Set by the server. Ignored, so that an object that was answered can be sent back.";

/// The schema of an object with these fields and no others. Those of `answered` that a client may not set are ignored.
pub(crate) fn schema(about: &[&str], fields: &[Declared], answered: &[Declared]) -> RefOr<Schema> {
    let in_answer = |field: &Declared| answered.iter().any(|other| other.name == field.name);
    let mut object = object(about, fields, |field, schema| {
        if !answered.is_empty() && !in_answer(field) {
            write_only(schema);
        }
    });
    let settable = |field: &Declared| fields.iter().any(|other| other.name == field.name);
    for field in answered.iter().filter(|field| !settable(field)) {
        object = object.property(field.name, ignored());
    }
    one(object.additional_properties(Some(AdditionalProperties::FreeForm(false))))
}

/// A field that a client may not set.
pub(super) fn ignored() -> RefOr<Schema> {
    let mut schema = anything(IGNORED);
    read_only(&mut schema);
    schema
}

/// The type of a field that clients send. An `Option` of one may be absent or null.
pub(crate) trait Sent: Described + Sized {
    /// What it is taken out of.
    type Fields<'a>;
    /// Whether it must be there.
    const IS_REQUIRED: bool = true;

    /// Takes the field of that name if it is there and not null.
    fn take_if_there(name: &'static str, fields: &mut Self::Fields<'_>) -> Result<Option<Self>, Problem>;

    /// Takes the field of that name.
    fn take(name: &'static str, fields: &mut Self::Fields<'_>) -> Result<Self, Problem> {
        let missing = || Problem::missing_field(name, "is required, and must not be null");
        Self::take_if_there(name, fields)?.ok_or_else(missing)
    }
}

impl<T: Sent> Sent for Option<T> {
    type Fields<'a> = T::Fields<'a>;
    const IS_REQUIRED: bool = false;

    fn take_if_there(name: &'static str, fields: &mut Self::Fields<'_>) -> Result<Option<Self>, Problem> {
        T::take_if_there(name, fields).map(Some)
    }
}

impl Sent for Name {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.text(name, Self::from_text).map(given)
    }
}

impl Sent for Instant {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.text(name, |text| text.parse()).map(given)
    }
}

/// The value that an edit sets.
pub(super) fn given<T>(edit: Edit<T>) -> Option<T> {
    match edit {
        Edit::Set(value) => Some(value),
        Edit::Keep | Edit::Clear => None,
    }
}

/// Declares such a struct, its name in the document, what it is read from and answered with. The fields are read in their order.
macro_rules! body {
    (
        $(#[doc = $about:literal])+
        #[document($document:literal, read_from = $fields:ty $(, answered_with = $answer:ty)?)]
        $visibility:vis struct $name:ident {
            $($(#[doc = $says:literal])+ $field:ident: $kind:ty $(= $example:tt)?,)+
        }
    ) => {
        $(#[doc = $about])+
        $visibility struct $name {
            $($(#[doc = $says])+ $field: $kind,)+
        }

        impl $name {
            const FIELDS: &'static [$crate::wire::declared::Declared] = &[
                $($crate::wire::declared::Declared {
                    name: $crate::wire::declared::name_of(stringify!($field)),
                    says: &[$($says),+],
                    is_required: <$kind as $crate::wire::body::Sent>::IS_REQUIRED,
                    schema: <$kind as $crate::wire::schemas::Described>::schema,
                    example: [$(Some((|| serde_json::json!($example)) as fn() -> _),)? None][0],
                },)+
            ];
            const ANSWERED: &'static [$crate::wire::declared::Declared] = [$(<$answer>::FIELDS,)? &[]][0];

            fn is_known(name: &str) -> bool {
                let fields = Self::FIELDS.iter().chain(Self::ANSWERED);
                fields.into_iter().any(|field| field.name == name)
            }

            fn read(fields: &mut $fields) -> Result<Self, $crate::errors::Problem> {
                Ok(Self {
                    $($field: <$kind as $crate::wire::body::Sent>::take(
                        $crate::wire::declared::name_of(stringify!($field)),
                        fields,
                    )?,)+
                })
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::wire::body::schema(&[$($about),+], Self::FIELDS, Self::ANSWERED)
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $document.into()
            }
        }
    };
}

pub(crate) use body;
