//! The parameters that say which webhooks a list has: each declared once, for reading it, for writing it in links, and for the document.

use serde_json::{Value, json};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ObjectBuilder, RefOr, Type};
use webhook_domain::InvalidValue;
use webhook_domain::webhook::{Name, Reference, TargetUrl, UrlHost, WebhookFilter};

use crate::errors::Problem;
use crate::openapi::shared::SIGNING_PROTOCOL;
use crate::openapi::values::{free_text, instant, one, string};
use crate::request::query::{Parameters, truth};

/// A parameter that is a condition on the webhooks of a list.
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) schema: fn() -> RefOr<Schema>,
    pub(crate) example: fn() -> Value,
    read: fn(&mut WebhookFilter, &str) -> Result<(), InvalidValue>,
    write: fn(&WebhookFilter) -> Option<String>,
}

/// Of each field of the filter: how it is read and written, its schema, an example, and what is said of it.
macro_rules! filters {
    ($($field:ident: $parse:expr, $write:expr, $schema:expr, $example:literal, $description:literal;)*) => {
        /// Every condition that can be asked for.
        pub(crate) const FILTERS: &[Filter] = &[$(Filter {
            name: stringify!($field),
            description: $description,
            schema: || $schema,
            example: || json!($example),
            read: |filter, text| {
                filter.$field = Some($parse(text)?);
                Ok(())
            },
            write: |filter| filter.$field.as_ref().map($write),
        }),*];

        /// Names every field: one that is missing above does not compile.
        #[expect(dead_code, reason = "it is there to be compiled")]
        fn none_is_missing(filter: &WebhookFilter) {
            let WebhookFilter { $($field: _),* } = filter;
        }
    };
}

filters! {
    reference: |text: &str| Reference::parse(text.to_owned()), |reference| reference.as_str().to_owned(),
        one(free_text("")), "billing-1",
        "The webhook with this reference. Empty is the empty one: a webhook without a reference has none.";
    name: |text: &str| Name::parse(text.to_owned()), |name| name.as_str().to_owned(),
        one(free_text("")), "Billing",
        "Those of this name, character by character. Empty is the empty one.";
    active: truth, ToString::to_string,
        truth_value(), true,
        "Those that are active, or those that are not.";
    in_penalty_box: truth, ToString::to_string,
        truth_value(), true,
        "Those whose queue is held up, or those whose queue is not.";
    url_host: str::parse, UrlHost::to_string,
        one(string("").min_length(Some(1)).max_length(Some(TargetUrl::MAX_LENGTH))), "example.com",
        "Those whose url has this host, in any spelling: case, an `xn--` name and what it stands for, and a dot at the end make no \
         difference. Without port; an IPv6 address in brackets.";
    signing_protocol: str::parse, ToString::to_string,
        SIGNING_PROTOCOL.one(""), "HmacSHA256",
        "Those that sign by this protocol.";
    rolled_before: str::parse, ToString::to_string,
        one(instant("")), "2024-04-12T15:22:37Z",
        "Those whose secret was last rolled or removed before this instant; of one that never was, those created before.";
    roll_due: truth, ToString::to_string,
        truth_value(), true,
        "Those whose secret is due for a roll, or those whose secret is not: secret_roll_due_at has come.";
}

/// The conditions that `parameters` ask for.
pub(super) fn read(parameters: &Parameters) -> Result<WebhookFilter, Problem> {
    let mut filter = WebhookFilter::default();
    for parameter in FILTERS {
        parameters.parsed(parameter.name, |text| (parameter.read)(&mut filter, text))?;
    }
    Ok(filter)
}

/// The parameters that ask for `filter`.
pub(super) fn written(filter: &WebhookFilter) -> impl Iterator<Item = (&'static str, String)> {
    FILTERS
        .iter()
        .filter_map(|parameter| Some((parameter.name, (parameter.write)(filter)?)))
}

fn truth_value() -> RefOr<Schema> {
    one(ObjectBuilder::new().schema_type(Type::Boolean))
}
