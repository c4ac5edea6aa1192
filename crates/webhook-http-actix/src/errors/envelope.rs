//! The body of every error.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use super::About;
use super::code::Code;
use crate::openapi::shared::{Component, ERROR_CODE, ERROR_TYPE};
use crate::wire::answer::answer;
use crate::wire::schemas::{ByName, Described, Enumeration};

answer! {
    /// Why a request was not done.
    #[document("Error")]
    pub(crate) struct Envelope<'a> {
        /// Whether the request is to blame, or the service.
        r#type: ErrorType = "INVALID_REQUEST",
        /// What went wrong, for programs.
        code: ByName<Code> = "INVALID_FIELD",
        /// The field that is wrong, as a path such as `included_actions.3`.
        field: Option<&'a str> = "api_header_field",
        /// What is wrong and what would be right, for people. It repeats no value.
        message: &'a str = "api_header_field must be 0 to 256 characters matching ^[a-zA-Z0-9_\\-]*$",
        /// The id in the path, if it is well-formed.
        resource_id: Option<String> = null,
        /// What the request is about.
        resource_type: ByName<About> = "WEBHOOK",
    }
}

/// Who is to blame.
#[derive(Serialize)]
struct ErrorType(&'static str);

impl Described for ErrorType {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        ERROR_TYPE.of(says, nullable)
    }
}

impl Enumeration for Code {
    const NAMES: Component = ERROR_CODE;

    fn name(&self) -> &'static str {
        (*self).name()
    }
}

/// The body of an error.
pub(crate) fn envelope(
    status: StatusCode,
    code: Code,
    field: Option<&str>,
    message: &str,
    about: About,
) -> Vec<u8> {
    let envelope = Envelope {
        r#type: ErrorType(match status.is_server_error() {
            true => "API_ERROR",
            false => "INVALID_REQUEST",
        }),
        code: ByName(code),
        field,
        message,
        resource_id: about.id(),
        resource_type: ByName(about),
    };
    // Texts and an id that displays: there is nothing in it that cannot be written.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
