//! Objects that answers show. Each field is declared once, in the struct that is written: its name and its type say how it is
//! written, its type what its schema is, and its comment what the document says of it. Every field is always there.

/// Declares such a struct, and its name in the document. With `object_type`, its first field says of which type it is; with
/// `about`, the document does not have the struct's comment but that. A value behind a field is its example.
macro_rules! answer {
    (
        $(#[doc = $about:literal])+
        #[document($document:expr $(, object_type = $object_type:literal)? $(, about = $otherwise:expr)?)]
        $visibility:vis struct $name:ident $(<$parameter:tt $(: $bound:ident)?>)? {
            $($(#[doc = $says:literal])+ $field_visibility:vis $field:ident: $kind:ty $(= $example:tt)?,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(serde::Serialize)]
        $visibility struct $name $(<$parameter>)? {
            $(#[doc = $object_type] object_type: &'static str,)?
            $($(#[doc = $says])+ $field_visibility $field: $kind,)+
        }

        impl $(<$parameter $(: $bound)?>)? $name $(<$parameter>)? {
            $(const OBJECT_TYPE: &'static str = $object_type;)?
            pub(crate) const COMPONENT: $crate::openapi::shared::Component =
                $crate::openapi::shared::Component($document, <Self as utoipa::PartialSchema>::schema);
            pub(crate) const FIELDS: &'static [$crate::wire::declared::Declared] = &[
                $($crate::wire::declared::Declared {
                    name: "object_type",
                    says: &["What this is."],
                    is_required: true,
                    schema: |says, _| $crate::openapi::values::constant($object_type, says),
                    example: Some(|| $object_type.into()),
                },)?
                $($crate::wire::declared::Declared {
                    name: $crate::wire::declared::name_of(stringify!($field)),
                    says: &[$($says),+],
                    is_required: true,
                    schema: <$kind as $crate::wire::schemas::Described>::schema,
                    example: [$(Some((|| serde_json::json!($example)) as fn() -> _),)? None][0],
                },)+
            ];
        }

        impl $(<$parameter $(: $bound)?>)? $crate::wire::schemas::Described for $name $(<$parameter>)? {
            fn schema(says: &str, nullable: bool) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                Self::COMPONENT.of(says, nullable)
            }
        }

        impl $(<$parameter $(: $bound)?>)? utoipa::PartialSchema for $name $(<$parameter>)? {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let about: &[&[&str]] = &[$(&[$otherwise],)? &[$($about),+]];
                let object = $crate::wire::declared::object(about[0], Self::FIELDS, |_, _| {});
                $crate::openapi::values::one(object)
            }
        }

        impl $(<$parameter $(: $bound)?>)? utoipa::ToSchema for $name $(<$parameter>)? {
            fn name() -> std::borrow::Cow<'static, str> {
                $document.into()
            }
        }
    };
}

pub(crate) use answer;
