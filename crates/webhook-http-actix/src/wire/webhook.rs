//! The table of the webhook's fields, in the order in which answers have them.

use webhook_domain::id::WebhookId;
use webhook_domain::signing::key_ring::SigningKey;
use webhook_domain::signing::verification_key::VerificationKey;
use webhook_domain::webhook::{
    ApiHeaderField, ApiKeyValue, Name, Password, Reference, RotationDays, Username,
};

use super::field::Set::{ByServer, OfChange, Optional, PresentOnCreate, RequiredOnUpdate};
use super::field::{Example, Field};
use super::field_value::FieldValue;
use super::penalty_box::PenaltyBoxJson;
use super::schemas::Described as _;
use super::secret_adoption::SecretAdoptionJson;
use super::value::{
    Actions, Choice, Days, Flag, Headers, OptionalChoice, OptionalFlag, OverlapOf, Text, Url, shown,
};
use crate::openapi::shared::SIGNING_PROTOCOL;
use crate::openapi::values::{boolean, constant, id, instant, one, or_null, secret, verification_key};

/// What a webhook is, as the document has it.
pub(super) const OBJECT: &str =
    "A webhook. Its password, its API key and the values of its custom headers are in no answer.";

pub(super) static FIELDS: &[Field] = &[
    Field {
        name: "object_type",
        says: "What this is.",
        advice: "",
        example: Example::Text("WEBHOOK"),
        set: ByServer {
            schema: |says| constant("WEBHOOK", says),
        },
        shown: Some(|_| "WEBHOOK".into()),
    },
    Field {
        name: "id",
        says: "The webhook's id.",
        advice: "",
        example: Example::Text("whk_01hv9k2m4rt6w8y0abcdefghjk"),
        set: ByServer {
            schema: |says| one(id(WebhookId::PREFIX, says)),
        },
        shown: Some(|json| FieldValue::Id(json.webhook.id)),
    },
    Field {
        name: "name",
        says: "What people call the webhook.",
        advice: "",
        example: Example::Text("Invoices"),
        set: PresentOnCreate(&Text::<Name>(|update| &mut update.name)),
        shown: Some(|json| shown(&json.settings().name)),
    },
    Field {
        name: "reference",
        says: "The client's own id of the webhook, unique on its platform.",
        advice: "",
        example: Example::Null,
        set: PresentOnCreate(&Text::<Reference>(|update| &mut update.reference)),
        shown: Some(|json| shown(&json.settings().reference)),
    },
    Field {
        name: "active",
        says: "Whether events are collected and delivered.",
        advice: "",
        example: Example::Flag(true),
        set: RequiredOnUpdate(&Flag {
            edit: |update| &mut update.active,
            default: true,
        }),
        shown: Some(|json| json.settings().active.into()),
    },
    Field {
        name: "include_previous_data",
        says: "Whether a delivery says too what the object was before.",
        advice: "",
        example: Example::Flag(false),
        set: RequiredOnUpdate(&Flag {
            edit: |update| &mut update.include_previous_data,
            default: false,
        }),
        shown: Some(|json| json.settings().include_previous_data.into()),
    },
    Field {
        name: "authentication_type",
        says: "How the service proves itself beside the signature.",
        advice: "",
        example: Example::Text("PASSWORD"),
        set: RequiredOnUpdate(&Choice(|update| &mut update.authentication_type)),
        shown: Some(|json| json.settings().authentication.kind().name().into()),
    },
    Field {
        name: "username",
        says: "For PASSWORD: the user name.",
        advice: "It must not be empty then, and have no colon (RFC 7617).",
        example: Example::Text("billing"),
        set: Optional(&Text::<Username>(|update| &mut update.username)),
        shown: Some(|json| shown(&json.settings().authentication.credentials().username)),
    },
    Field {
        name: "password",
        says: "For PASSWORD: the password. In no answer.",
        advice: "",
        example: Example::Text("correct.horse"),
        set: Optional(&Text::<Password>(|update| &mut update.password)),
        shown: None,
    },
    Field {
        name: "api_header_field",
        says: "For API_KEY: the name of the header.",
        advice: "Not one that every delivery has.",
        example: Example::Null,
        set: Optional(&Text::<ApiHeaderField>(|update| &mut update.api_header_field)),
        shown: Some(|json| shown(&json.settings().authentication.credentials().api_header_field)),
    },
    Field {
        name: "api_key",
        says: "For API_KEY: the value of the header. In no answer.",
        advice: "",
        example: Example::Null,
        set: Optional(&Text::<ApiKeyValue>(|update| &mut update.api_key)),
        shown: None,
    },
    Field {
        name: "previous_credentials_expires_in",
        says: "For how many seconds the credentials before this change are tried when the receiver answers 401 or 403 to the new ones.",
        advice: "0 if it is absent or null. A credential of the authentication_type must change with it, and the scheme, host and port of \
                 the url and the authentication_type must stay.",
        example: Example::Null,
        set: OfChange(&OverlapOf(|update| &mut update.previous_credentials_expires_in)),
        shown: None,
    },
    Field {
        name: "custom_headers",
        says: "Headers that go with every delivery, by name. Answers have the names alone.",
        advice: "The object takes the place of the whole set. In it, null keeps the value that is stored under this name.",
        example: Example::Secrets(&[("X-Tenant", "acme"), ("X-Gateway-Key", "let.me.in")]),
        set: Optional(&Headers),
        shown: Some(|json| json.settings().custom_headers.as_ref().into()),
    },
    Field {
        name: "url",
        says: "Where deliveries go.",
        advice: "An absolute URL without user info or fragment; https unless the deployment allows http.",
        example: Example::Text("https://example.com/webhooks"),
        set: PresentOnCreate(&Url),
        shown: Some(|json| json.settings().url.as_ref().map(|url| url.as_str()).into()),
    },
    Field {
        name: "included_actions",
        says: "What the webhook is told of; null or none for everything.",
        advice: "",
        example: Example::Texts(&["INVOICE.CREATED"]),
        set: Optional(&Actions {
            edit: |update| &mut update.included_actions,
            objections: |update| &mut update.objections.included_actions,
        }),
        shown: Some(|json| json.settings().included_actions.as_ref().into()),
    },
    Field {
        name: "excluded_actions",
        says: "What it is not told of, even if it is included.",
        advice: "",
        example: Example::Null,
        set: Optional(&Actions {
            edit: |update| &mut update.excluded_actions,
            objections: |update| &mut update.objections.excluded_actions,
        }),
        shown: Some(|json| json.settings().excluded_actions.as_ref().into()),
    },
    Field {
        name: "signing_protocol",
        says: "How deliveries are signed.",
        advice: "Null means HmacSHA256. It changes only in a roll. With Ed25519 there is a verification_key instead of a secret.",
        example: Example::Text("HmacSHA256"),
        set: Optional(&OptionalChoice(|update| &mut update.signing_protocol)),
        shown: Some(|json| json.settings().signing_protocol.name().into()),
    },
    Field {
        name: "previous_signing_protocol",
        says: "The protocol of the newest retired secret that still signs.",
        advice: "",
        example: Example::Text("HmacSHA256"),
        set: ByServer {
            schema: |says| SIGNING_PROTOCOL.or_null(says),
        },
        shown: Some(|json| json.previous.map(|retired| retired.key.protocol().name()).into()),
    },
    Field {
        name: "secret_key",
        says: "The secret, in the answers of creation, roll and removal, and for a reader with WEBHOOK.REVEAL. Null for Ed25519.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| or_null(secret(says)),
        },
        shown: Some(|json| json.revealed(json.current().and_then(SigningKey::expose_shared))),
    },
    Field {
        name: "previous_secret_key",
        says: "The newest retired secret that still signs, where secret_key is shown. Null for Ed25519.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| or_null(secret(says)),
        },
        shown: Some(|json| json.revealed(json.previous.and_then(|retired| retired.key.expose_shared()))),
    },
    Field {
        name: "verification_key",
        says: "What a receiver verifies with if the protocol is Ed25519: the public half of the key, which is no secret.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| or_null(verification_key(says)),
        },
        shown: Some(|json| public(json.current())),
    },
    Field {
        name: "previous_verification_key",
        says: "The public half of the newest retired key that still signs, if its protocol is Ed25519.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| or_null(verification_key(says)),
        },
        shown: Some(|json| public(json.previous.map(|retired| &retired.key))),
    },
    Field {
        name: "previous_secret_expires_at",
        says: "When the newest retired secret stops signing.",
        advice: "",
        example: Example::Text("2024-04-13T15:22:37Z"),
        set: ByServer {
            schema: |says| or_null(instant(says)),
        },
        shown: Some(|json| json.previous_expires_at.into()),
    },
    Field {
        name: "previous_secret_held",
        says: "Whether the newest retired secret signs beyond its overlap, because it is kept until the current one is adopted.",
        advice: "",
        example: Example::Flag(false),
        set: ByServer {
            schema: |says| one(boolean(says)),
        },
        shown: Some(|json| json.is_previous_held.into()),
    },
    Field {
        name: "previous_credentials_expires_at",
        says: "Until when the credentials before are tried when the receiver answers 401 or 403 to those that the webhook has.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| or_null(instant(says)),
        },
        shown: Some(|json| {
            json.previous_credentials
                .map(|previous| previous.expires_at)
                .into()
        }),
    },
    Field {
        name: "secret_rolled_at",
        says: "When the secret was last rolled or removed.",
        advice: "",
        example: Example::Text("2024-04-12T15:22:37Z"),
        set: ByServer {
            schema: |says| or_null(instant(says)),
        },
        shown: Some(|json| json.webhook.key_ring.rolled_at().into()),
    },
    Field {
        name: "secret_rotation_days",
        says: "After how many days as the current one a secret is due for a roll. Null for what the deployment has, which may be never.",
        advice: "",
        example: Example::Whole(90),
        set: Optional(&Days(|update| &mut update.secret_rotation_days)),
        shown: Some(|json| json.settings().secret_rotation_days.map(RotationDays::get).into()),
    },
    Field {
        name: "secret_rotates_automatically",
        says: "Whether the service rolls the key when it is due. Only for Ed25519: a secret of HmacSHA256 is not rolled, and WEBHOOK.SECRET_ROLL_DUE \
               tells that it is due.",
        advice: "Set it if the receiver looks its keys up in the key set.",
        example: Example::Flag(false),
        set: Optional(&OptionalFlag(|update| &mut update.secret_rotates_automatically)),
        shown: Some(|json| json.settings().secret_rotates_automatically.into()),
    },
    Field {
        name: "secret_roll_due_at",
        says: "When the current secret is due for a roll. Null without a current secret, or without days after which it is.",
        advice: "",
        example: Example::Text("2024-07-11T15:22:37Z"),
        set: ByServer {
            schema: |says| or_null(instant(says)),
        },
        shown: Some(|json| json.roll_due_at.into()),
    },
    Field {
        name: "secret_adoption",
        says: "That the receiver verifies with the current secret, once that was shown.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| SecretAdoptionJson::schema(says, true),
        },
        shown: Some(|json| json.secret_adoption.as_ref().into()),
    },
    Field {
        name: "penalty_box",
        says: "Since when the webhook is in the penalty box.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| or_null(instant(says)),
        },
        shown: Some(|json| {
            let held_up = json.webhook.held_up.as_ref();
            held_up.and_then(|held_up| held_up.penalty_box().since()).into()
        }),
    },
    Field {
        name: "penalty_box_data",
        says: "What holds the webhook's queue up.",
        advice: "",
        example: Example::Null,
        set: ByServer {
            schema: |says| PenaltyBoxJson::schema(says, true),
        },
        shown: Some(|json| json.penalty_box.as_ref().into()),
    },
    Field {
        name: "created_at",
        says: "When it was created.",
        advice: "",
        example: Example::Text("2024-04-01T09:00:00Z"),
        set: ByServer {
            schema: |says| one(instant(says)),
        },
        shown: Some(|json| json.webhook.created_at.into()),
    },
    Field {
        name: "updated_at",
        says: "When its settings or secrets last changed.",
        advice: "",
        example: Example::Text("2024-04-12T15:22:37Z"),
        set: ByServer {
            schema: |says| one(instant(says)),
        },
        shown: Some(|json| json.webhook.updated_at.into()),
    },
];

/// The public half of a key, if it has one.
fn public(key: Option<&SigningKey>) -> FieldValue<'_> {
    let public = key.and_then(SigningKey::verification_key);
    public.map(VerificationKey::text).into()
}
