//! What the document says of a type of value. Its schema stands here once, whatever object has a field of it.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::caller::{Credential, PlatformScope};
use webhook_domain::access::key_history::KeyState;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::DeliveryStatus;
use webhook_domain::delivery::attempt::{CredentialsTaken, FailureCause};
use webhook_domain::delivery::key_check::{KeyRole, Verdict};
use webhook_domain::id::{ApiKeyId, AuditRecordId, DeliveryId, EventId, RotationId, WebhookId};
use webhook_domain::rotation::{RotationStatus, StopReason};
use webhook_domain::signing::key_ring::Evidence;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::text::{TextRule, TextValue};
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Action, AuthenticationType, Name};

use crate::openapi::shared::{
    ACTION, AUDIT_ACTION, AUTHENTICATION_TYPE, CURRENT_OR_PREVIOUS, Component, FAILURE_CAUSE,
    KEY_CHECK_CAUSE, KEY_VERDICT, PERMISSION, ROTATION_OUTCOME, ROTATION_REASON, ROTATION_STATUS,
    ROTATION_STOP_REASON, SECRET_EVIDENCE, SIGNING_KEY_STATE, SIGNING_PROTOCOL, WEBHOOK_EVENT_STATUS,
};
use crate::openapi::values::{
    boolean, fingerprint, free_text, id, instant, limit, list, matching, of_pattern, one, or_null, page,
    platform_or_all, string,
};

/// The text of an API key.
const API_KEY_TEXT: &str = "^whkey_[0-9a-z]{84}$";

/// 43 characters, of which the last has two bits to spare.
const BASE64URL_OF_32_BYTES: &str = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$";

/// Links are paths with a query.
const LINK: &str = "^/v1/[!-~]*$";
/// A type of object, as actions have it.
const OBJECT_TYPE: &str = "^[A-Z][A-Z0-9_]*$";

/// A type of value that fields have.
pub(crate) trait Described {
    /// The schema of a field of which the document `says` this, and which may be null or not.
    fn schema(says: &str, nullable: bool) -> RefOr<Schema>;
}

impl<T: Described + ?Sized> Described for &T {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        T::schema(says, nullable)
    }
}

impl<T: Described> Described for Option<T> {
    fn schema(says: &str, _: bool) -> RefOr<Schema> {
        T::schema(says, true)
    }
}

impl<T: Described> Described for [T] {
    fn schema(says: &str, _: bool) -> RefOr<Schema> {
        list(T::schema("", false), says)
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        <[T]>::schema(says, nullable)
    }
}

/// The schema, or the same and null.
pub(crate) fn plain(schema: ObjectBuilder, nullable: bool) -> RefOr<Schema> {
    match nullable {
        true => or_null(schema),
        false => one(schema),
    }
}

macro_rules! described {
    ($($kind:ty => $schema:expr,)*) => {
        $(impl Described for $kind {
            fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
                plain($schema(says), nullable)
            }
        })*
    };
}

described! {
    bool => boolean,
    u16 => count,
    u32 => count,
    u64 => count,
    str => string,
    String => string,
    Name => text::<Name>,
    Instant => instant,
    PlatformScope => platform_or_all,
    Credential => string,
    Limit => limit,
    Link => |says| matching(LINK, says),
    PageNumber => page,
    Fingerprint => fingerprint,
    FingerprintText<'_> => fingerprint,
    ApiKeyText<'_> => |says| matching(API_KEY_TEXT, says),
    ObjectType<'_> => |says| matching(OBJECT_TYPE, says).examples(["INVOICE"]),
    Base64UrlOf32Bytes => |says| matching(BASE64URL_OF_32_BYTES, says),
    WebhookId => |says| id(WebhookId::PREFIX, says),
    ApiKeyId => |says| id(ApiKeyId::PREFIX, says),
    AuditRecordId => |says| id(AuditRecordId::PREFIX, says),
    EventId => |says| id(EventId::PREFIX, says),
    DeliveryId => |says| id(DeliveryId::PREFIX, says),
    RotationId => |says| id(RotationId::PREFIX, says),
}

/// A number of things.
fn count(says: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .description(Some(says))
}

/// A text by the rule of its type.
pub(super) fn text<T: TextValue>(says: &str) -> ObjectBuilder {
    match T::RULE {
        TextRule::Free => free_text(says),
        TextRule::Pattern(pattern) => of_pattern(pattern, says),
    }
}

/// A value that is written as the text that it displays.
#[derive(Debug)]
pub(crate) struct AsText<T>(pub(crate) T);

impl<T: Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<T: Described> Described for AsText<T> {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        T::schema(says, nullable)
    }
}

/// A fingerprint, wherever it comes from.
#[derive(Debug, Serialize)]
pub(crate) struct FingerprintText<'a>(pub(crate) &'a str);

/// How many items a part of a list has at the most.
#[derive(Serialize)]
pub(crate) struct Limit(pub(crate) u32);

/// The number of a page.
#[derive(Serialize)]
pub(crate) struct PageNumber(pub(crate) u64);

/// A path with a query.
#[derive(Serialize)]
pub(crate) struct Link(pub(crate) String);

/// A type of object that something can happen to.
#[derive(Serialize)]
pub(crate) struct ObjectType<'a>(pub(crate) &'a str);

/// The text of an API key.
#[derive(Serialize)]
pub(crate) struct ApiKeyText<'a>(pub(crate) &'a str);

/// 32 bytes in base64url without padding.
#[derive(Serialize)]
pub(crate) struct Base64UrlOf32Bytes(pub(crate) String);

/// A type of a few values, each of which has a name.
pub(crate) trait Enumeration {
    /// The names, for the document.
    const NAMES: Component;

    /// The name that clients see.
    fn name(&self) -> &'static str;
}

macro_rules! enumerations {
    ($($kind:ty => $names:expr,)*) => {
        $(impl Enumeration for $kind {
            const NAMES: Component = $names;

            fn name(&self) -> &'static str {
                <$kind>::name(*self)
            }
        })*
    };
}

enumerations! {
    AuthenticationType => AUTHENTICATION_TYPE,
    SigningProtocol => SIGNING_PROTOCOL,
    Permission => PERMISSION,
    AuditAction => AUDIT_ACTION,
    DeliveryStatus => WEBHOOK_EVENT_STATUS,
    FailureCause => FAILURE_CAUSE,
    Evidence => SECRET_EVIDENCE,
    CredentialsTaken => CURRENT_OR_PREVIOUS,
    KeyRole => CURRENT_OR_PREVIOUS,
    Verdict => KEY_VERDICT,
    KeyState => SIGNING_KEY_STATE,
    RotationStatus => ROTATION_STATUS,
    StopReason => ROTATION_STOP_REASON,
}

/// A value that is written as its name.
#[derive(Debug)]
pub(crate) struct ByName<T>(pub(crate) T);

impl<T: Enumeration> Serialize for ByName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<T: Enumeration> Described for ByName<T> {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        T::NAMES.of(says, nullable)
    }
}

/// Why a probe of a check of keys was not accepted, by its name.
#[derive(Debug, Serialize)]
pub(crate) struct NamedCause(pub(crate) &'static str);

impl Described for NamedCause {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        KEY_CHECK_CAUSE.of(says, nullable)
    }
}

/// What became of a webhook of a rotation, by its name.
#[derive(Debug, Serialize)]
pub(crate) struct NamedOutcome(pub(crate) &'static str);

impl Described for NamedOutcome {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        ROTATION_OUTCOME.of(says, nullable)
    }
}

/// Why it was not rolled, by its name.
#[derive(Debug, Serialize)]
pub(crate) struct NamedReason(pub(crate) &'static str);

impl Described for NamedReason {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        ROTATION_REASON.of(says, nullable)
    }
}

impl Described for Action {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        ACTION.of(says, nullable)
    }
}
