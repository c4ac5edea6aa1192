//! Schemas that several fields share. Each has a name of its own in the document, so that a generated client has one type
//! for it and not one for every field.

use serde_json::Value;
use utoipa::openapi::schema::{Schema, SchemaType};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Type};
use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::key_history::KeyState;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::delivery::event::Environment;
use webhook_domain::delivery::key_check::{Answered, KeyRole, Verdict};
use webhook_domain::rotation::{NAMES_OF_OUTCOMES, NAMES_OF_REASONS, RotationStatus, StopReason};
use webhook_domain::signing::key_ring::Evidence;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::webhook::{
    Action, ActionList, AuthenticationType, CustomHeaderName, CustomHeaderValue, CustomHeaders, Direction,
};

use super::values::{matching, one, one_of, or_null, write_only};
use crate::errors::Code;

const ACTION_PATTERN: &str = "^[A-Z][A-Z0-9_]*(\\.[A-Z][A-Z0-9_]*)+$";

/// The name of a schema in the document, and the schema.
pub(crate) struct Component(pub(crate) &'static str, pub(crate) fn() -> RefOr<Schema>);

macro_rules! components {
    ($($constant:ident as $name:literal: $schema:expr;)*) => {
        $(pub(crate) const $constant: Component = Component($name, || one($schema));)*

        /// All of them.
        pub(super) const SHARED: &[Component] = &[$($constant),*];
    };
}

components! {
    ACTION as "Action": matching(ACTION_PATTERN, "What happened to which type of object.")
        .max_length(Some(Action::MAX_LENGTH))
        .examples(["INVOICE.CREATED"]);
    AUTHENTICATION_TYPE as "AuthenticationType": one_of(
        AuthenticationType::ALL.map(AuthenticationType::name),
        "How the service proves itself beside the signature: HTTP Basic, a key in a header of its own, or not at all.",
    );
    SIGNING_PROTOCOL as "SigningProtocol": one_of(
        SigningProtocol::ALL.map(SigningProtocol::name),
        "How deliveries are signed.",
    );
    CUSTOM_HEADERS as "CustomHeaders": headers(
        header_value(),
        "Headers of the webhook's owner, by name. A name is a token of RFC 9110, compared in lower case and with `_` as `-`, and \
         stands there once. Not allowed are headers that the sender, HTTP, proxies or tracing set, those that begin with `webhook-`, \
         `x-payload-`, `x-forwarded-` or `proxy-`, `cookie`, the `api_header_field` in use, and `Authorization` while \
         `authentication_type` is PASSWORD. All names and values have at most 8192 bytes.",
    );
    CUSTOM_HEADER_NAMES as "CustomHeaderNames": headers(
        one(ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Null))
            .description(Some("Values are not shown."))),
        "The names of a webhook's custom headers, as they were given. The object can be sent back, which keeps every value.",
    );
    PERMISSION as "Permission": one_of(
        Permission::ALL.iter().map(|permission| permission.name()),
        "What a credential may do.",
    );
    AUDIT_ACTION as "AuditAction": one_of(AuditAction::ALL.map(AuditAction::name), "What was done.");
    WEBHOOK_EVENT_STATUS as "WebhookEventStatus": one_of(
        DeliveryStatus::NAMES,
        "How far an event has come on its way to a webhook.",
    );
    FAILURE_CAUSE as "FailureCause": one_of(
        FailureCause::NAMES,
        "Why an attempt failed. `STATUS_CODE`: the receiver answered with another status than 2xx. `OTHER`: a newer release \
         of the service has stored a cause that this one does not know.",
    );
    SECRET_EVIDENCE as "SecretEvidence": one_of(
        Evidence::ALL.map(Evidence::name),
        "How it was shown that a receiver verifies with a secret.",
    );
    KEY_CHECK_CAUSE as "KeyCheckCause": one_of(
        Answered::causes(),
        "Why a probe was not accepted: as attempts have it, or `NOT_SENT` if time was over before it was sent, or the webhook had changed.",
    );
    CURRENT_OR_PREVIOUS as "CurrentOrPrevious": one_of(
        KeyRole::ALL.map(KeyRole::name),
        "Of a webhook's keys: the current one, or the one that was retired last. Of its credentials: those that it had at the time, or those before a \
         change.",
    );
    ROTATION_STATUS as "RotationStatus": one_of(
        RotationStatus::ALL.map(RotationStatus::name),
        "How far a rotation is. `STOPPED` is one that ended before all its webhooks had their turn.",
    );
    ROTATION_STOP_REASON as "RotationStopReason": one_of(
        StopReason::ALL.map(StopReason::name),
        "Why a rotation was stopped: somebody asked for it, the API key that began it was revoked or has expired, or as many webhooks have \
         failed as may.",
    );
    ROTATION_OUTCOME as "RotationOutcome": one_of(NAMES_OF_OUTCOMES, "What became of a webhook of a rotation.");
    ROTATION_REASON as "RotationReason": one_of(
        NAMES_OF_REASONS,
        "Why a webhook of a rotation was not rolled. Skipped: it was deleted, it no longer met the filter, as many of its secrets sign as \
         may, or it was rolled since the rotation began. Failed: the store refused it three times, or a rule refuses the roll.",
    );
    KEY_VERDICT as "KeyVerdict": one_of(Verdict::ALL.map(Verdict::name), "What a check of keys has found out.");
    SIGNING_KEY_STATE as "SigningKeyState": one_of(
        KeyState::ALL.map(KeyState::name),
        "What a signing key is to its webhook: the current one, one that was retired and signs until an instant of its own, or one that signs \
         no more.",
    );
    ENVIRONMENT as "Environment": one_of(
        [Environment::Test, Environment::Live].map(Environment::name),
        "What the deployment calls itself.",
    );
    ORDER_DIRECTION as "OrderDirection": one_of(
        Direction::ALL.map(Direction::name),
        "Which end of a list comes first.",
    );
    ERROR_CODE as "ErrorCode": one_of(Code::ALL.map(Code::name), "What went wrong, for programs.");
    ERROR_TYPE as "ErrorType": one_of(
        ["INVALID_REQUEST", "API_ERROR"],
        "Whether the request is to blame, or the service.",
    );
    RESOURCE_TYPE as "ResourceType": one_of(
        ["WEBHOOK", "SIGNING_KEY", "API_KEY", "AUDIT_RECORD", "EVENT", "WEBHOOK_EVENT", "ROTATION"],
        "A type of resource of this API.",
    );
}

impl Component {
    /// A value of this schema. `description` says what it is here.
    pub(crate) fn one(&self, description: &str) -> RefOr<Schema> {
        self.reference(description, None).into()
    }

    /// The same, and what it is when it is absent.
    pub(crate) fn or_else(&self, default: &str, description: &str) -> RefOr<Schema> {
        self.reference(description, Some(default.into())).into()
    }

    /// The same, or null.
    pub(crate) fn or_null(&self, description: &str) -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
        let either = OneOfBuilder::new()
            .item(self.reference("", None))
            .item(null)
            .description(Some(description));
        RefOr::T(Schema::OneOf(either.build()))
    }

    /// The same, or null if that may be.
    pub(crate) fn of(&self, description: &str, nullable: bool) -> RefOr<Schema> {
        match nullable {
            true => self.or_null(description),
            false => self.one(description),
        }
    }

    fn reference(&self, description: &str, default: Option<Value>) -> Ref {
        let mut reference = Ref::from_schema_name(self.0);
        reference.description = description.to_owned();
        reference.default = default;
        reference
    }
}

/// What a client says of a custom header.
fn header_value() -> RefOr<Schema> {
    let says = "What the header says: visible ASCII, with spaces within. Null keeps the value that is stored under this name.";
    let value = matching(CustomHeaderValue::REGEX, says).max_length(Some(CustomHeaderValue::MAX_LENGTH));
    let mut value = or_null(value);
    write_only(&mut value);
    value
}

/// Headers by name, each with a value of this schema.
fn headers(value: RefOr<Schema>, description: &str) -> ObjectBuilder {
    let name = matching(CustomHeaderName::REGEX, "");
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(description))
        .property_names(Some(Schema::Object(name.into())))
        .max_properties(Some(CustomHeaders::MAX_ITEMS))
        .additional_properties(Some(value))
}

/// Actions, each once.
pub(crate) fn actions(description: &str, nullable: bool) -> RefOr<Schema> {
    let mut actions = ArrayBuilder::new()
        .items(ACTION.one(""))
        .max_items(Some(ActionList::MAX_ITEMS))
        .unique_items(true)
        .description(Some(description))
        .build();
    if nullable {
        actions.schema_type = SchemaType::from_iter([Type::Array, Type::Null]);
    }
    RefOr::T(Schema::Array(actions))
}
