//! What the vendor's published description of these endpoints says, as a table: operations with their parameters and statuses, and the
//! fields of what they answer.

use serde_json::Value;

/// What a field may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Boolean,
    Integer,
    Texts,
    OneOf(&'static [&'static str]),
    Object(&'static [Field]),
    Objects(&'static [Field]),
}

/// A field of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) required: bool,
}

const fn or_null(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        nullable: true,
        required: false,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field {
        nullable: false,
        ..or_null(name, kind)
    }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field {
        required: true,
        ..optional(name, kind)
    }
}

use Kind::{Boolean, Integer, Object, Objects, OneOf, Text, Texts};

pub(crate) const AUTHENTICATION_TYPES: &[&str] = &["PASSWORD", "API_KEY", "NONE"];

pub(crate) const PENALTY_BOX: &[Field] = &[
    or_null("retry_count", Integer),
    or_null("retry_at", Text),
    or_null("cause", Text),
    or_null("payload", Text),
];

pub(crate) const WEBHOOK: &[Field] = &[
    or_null("object_type", Text),
    or_null("id", Text),
    or_null("username", Text),
    or_null("password", Text),
    or_null("api_header_field", Text),
    or_null("api_key", Text),
    or_null("url", Text),
    or_null("included_actions", Texts),
    or_null("excluded_actions", Texts),
    optional("active", Boolean),
    or_null("penalty_box", Text),
    or_null("secret_key", Text),
    or_null("signing_protocol", Text),
    or_null("previous_secret_key", Text),
    or_null("previous_signing_protocol", Text),
    or_null("secret_rolled_at", Text),
    optional("include_previous_data", Boolean),
    optional("authentication_type", OneOf(AUTHENTICATION_TYPES)),
    or_null("penalty_box_data", Object(PENALTY_BOX)),
    or_null("name", Text),
    or_null("reference", Text),
];

const LINKS: &[Field] = &[
    or_null("first", Text),
    or_null("previous", Text),
    or_null("current", Text),
    or_null("next", Text),
];

const WEBHOOKS: &[Field] = &[
    required("data", Objects(WEBHOOK)),
    or_null("limit", Integer),
    or_null("page", Integer),
    or_null("total_number_of_pages", Integer),
    required("links", Object(LINKS)),
];

const OBJECT_ACTIONS: &[Field] = &[optional("object_type", Text), optional("actions", Texts)];

const ACTIONS: &[Field] = &[or_null("data", Objects(OBJECT_ACTIONS))];

const CONNECTION: &[Field] = &[or_null("successful", Boolean), or_null("message", Text)];

/// The codes of its list that this service has a use for; it answers with no other.
const CODES: &[&str] = &[
    "RESOURCE_NOT_FOUND",
    "BAD_REQUEST",
    "UNSUPPORTED_MEDIA_TYPE",
    "RESOURCE_ALREADY_EXISTS",
    "UNSUPPORTED_VERSION",
    "UNAUTHORISED",
    "INVALID_ID",
    "MISSING_FIELD",
    "INVALID_FIELD",
    "INVALID_OPERATION",
    "INTERNAL_ERROR",
    "USER_NOT_ALLOWED",
    "IDEMPOTENCY_CHECK_FAILED",
    "INVALID_REQUEST",
];

pub(crate) const ERROR: &[Field] = &[
    required("type", OneOf(&["API_ERROR", "INVALID_REQUEST"])),
    required("code", OneOf(CODES)),
    or_null("field", Text),
    required("message", Text),
    or_null("resource_id", Text),
    or_null("resource_type", OneOf(&["WEBHOOK", "API_KEY", "AUDIT_RECORD"])),
];

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Besides the version and the id in the path, and `x-platform-id`.
    pub(crate) query: &'static [&'static str],
    pub(crate) takes_body: bool,
    pub(crate) success: u16,
    pub(crate) answer: &'static [Field],
    pub(crate) errors: &'static [u16],
}

const fn operation(
    (method, path): (&'static str, &'static str),
    (success, answer): (u16, &'static [Field]),
    errors: &'static [u16],
) -> Operation {
    Operation {
        method,
        path,
        query: &[],
        takes_body: false,
        success,
        answer,
        errors,
    }
}

impl Operation {
    const fn with_body(self) -> Self {
        Self {
            takes_body: true,
            ..self
        }
    }

    const fn paged(self) -> Self {
        Self {
            query: &["limit", "page", "order_by", "order_direction"],
            ..self
        }
    }
}

const ONE: &str = "/v1/webhooks/{resourceId}";
const SECRET_KEY: &str = "/v1/webhooks/{resourceId}/secret-key";
const FROM_PENALTY_BOX: &str = "/v1/webhooks/{resourceId}/send-penalty-box-payload";
const SEND_TEST: &str = "/v1/webhooks/{resourceId}/send-test";
const TEST_CONNECTION: &str = "/v1/webhooks/test-connection";

pub(crate) const OPERATIONS: [Operation; 11] = [
    operation(("GET", ONE), (200, WEBHOOK), &[401, 403, 500]),
    operation(("DELETE", ONE), (200, WEBHOOK), &[401, 403, 500]),
    operation(("PATCH", ONE), (200, WEBHOOK), &[401, 403, 500]).with_body(),
    operation(("DELETE", SECRET_KEY), (200, WEBHOOK), &[401, 403]),
    operation(("PATCH", SECRET_KEY), (200, WEBHOOK), &[401, 403]).with_body(),
    operation(
        ("POST", FROM_PENALTY_BOX),
        (200, CONNECTION),
        &[400, 401, 403, 409, 500],
    ),
    operation(("POST", SEND_TEST), (200, CONNECTION), &[400, 401, 403, 409, 500]),
    operation(("GET", "/v1/webhooks"), (200, WEBHOOKS), &[401, 403, 500]).paged(),
    operation(("POST", "/v1/webhooks"), (201, WEBHOOK), &[400, 401, 403, 500]).with_body(),
    operation(("GET", "/v1/webhooks/actions"), (200, ACTIONS), &[401, 403, 500]).paged(),
    operation(
        ("POST", TEST_CONNECTION),
        (200, CONNECTION),
        &[400, 401, 403, 500],
    )
    .with_body(),
];

/// What about `object` does not fit these fields. Fields that are not among them do not matter.
pub(crate) fn misfits(object: &Value, fields: &[Field], place: &str) -> Vec<String> {
    let Some(members) = object.as_object() else {
        return vec![format!("{place} is not an object: {object}")];
    };
    let mut found = Vec::new();
    for field in fields {
        let place = format!("{place}.{}", field.name);
        match members.get(field.name) {
            None if field.required => found.push(format!("{place} is absent")),
            None => {}
            Some(Value::Null) if field.nullable => {}
            Some(value) => found.extend(misfits_of(value, field.kind, &place)),
        }
    }
    found
}

fn misfits_of(value: &Value, kind: Kind, place: &str) -> Vec<String> {
    let items = |fits: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(fits));
    let fits = match kind {
        Text => value.is_string(),
        Boolean => value.is_boolean(),
        Integer => value.is_i64() || value.is_u64(),
        Texts => items(Value::is_string),
        OneOf(names) => value.as_str().is_some_and(|name| names.contains(&name)),
        Object(fields) => return misfits(value, fields, place),
        Objects(fields) => {
            let Some(items) = value.as_array() else {
                return vec![format!("{place} is not a list: {value}")];
            };
            let each = items.iter().enumerate();
            return each
                .flat_map(|(index, item)| misfits(item, fields, &format!("{place}.{index}")))
                .collect();
        }
    };
    match fits {
        true => Vec::new(),
        false => vec![format!("{place} is not {kind:?}: {value}")],
    }
}
