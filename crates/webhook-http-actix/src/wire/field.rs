//! What is declared of a field of a webhook, and what follows from it.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::webhook::SettingsUpdate;

use super::body::ignored;
use super::field_value::FieldValue;
use super::fields::Fields;
use super::shown::WebhookJson;
use super::value::Settable;
use crate::errors::Problem;
use crate::openapi::values::{read_only, write_only};
use webhook_domain::webhook::FieldRules;

/// A field of a webhook.
pub(crate) struct Field {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What it is, in a sentence or two.
    pub(crate) says: &'static str,
    /// What a client that sets it must know besides; empty for nothing.
    pub(crate) advice: &'static str,
    /// What it may be, in the examples of the document.
    pub(crate) example: Example,
    /// Who sets it.
    pub(crate) set: Set,
    /// What answers say it is; none for what is in no answer.
    pub(crate) shown: Option<Show>,
}

/// What a field of a webhook is in an answer.
pub(crate) type Show = for<'a> fn(&'a WebhookJson<'a>) -> FieldValue<'a>;

/// Who sets a field.
pub(crate) enum Set {
    /// The server. What a client sends is ignored.
    ByServer {
        /// What it is in an answer, described by a text.
        schema: fn(&str) -> RefOr<Schema>,
    },
    /// A client, or nobody: it may be left out of every object, and null clears it.
    Optional(&'static dyn Settable),
    /// A client. It must be there when a webhook is created, though it may be null: who creates a webhook forgets nothing.
    PresentOnCreate(&'static dyn Settable),
    /// A client. In an update it must be there, and not null; when a webhook is created, its default may be left out.
    RequiredOnUpdate(&'static dyn Settable),
    /// A client that changes a webhook, or nobody. It says how the change is made, and there is none when a webhook is created.
    OfChange(&'static dyn Settable),
}

/// The object that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// To create a webhook.
    Create,
    /// To change one.
    Update,
}

/// A value in an example.
#[derive(Clone, Copy)]
pub(crate) enum Example {
    Null,
    Flag(bool),
    Whole(u16),
    Text(&'static str),
    Texts(&'static [&'static str]),
    /// Names and values, of which answers have the names.
    Secrets(&'static [(&'static str, &'static str)]),
}

impl Example {
    fn json(self, is_shown: bool) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => json!(flag),
            Self::Whole(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Texts(texts) => json!(texts),
            Self::Secrets(secrets) => {
                let sent = |value: &str| if is_shown { Value::Null } else { json!(value) };
                let pairs = secrets
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), sent(value)));
                Value::Object(pairs.collect())
            }
        }
    }
}

impl Field {
    /// How a client sets it, if one may.
    pub(crate) const fn settable(&self) -> Option<&'static dyn Settable> {
        match self.set {
            Set::ByServer { .. } => None,
            Set::Optional(value)
            | Set::PresentOnCreate(value)
            | Set::RequiredOnUpdate(value)
            | Set::OfChange(value) => Some(value),
        }
    }

    /// Whether that object may have it, be it to be ignored.
    pub(crate) const fn is_known(&self, sent: Sent) -> bool {
        !matches!((&self.set, sent), (Set::OfChange(_), Sent::Create))
    }

    /// Whether it must be in the object that a client sends.
    pub(crate) const fn is_required(&self, sent: Sent) -> bool {
        match self.set {
            Set::ByServer { .. } | Set::Optional(_) | Set::OfChange(_) => false,
            Set::PresentOnCreate(_) => matches!(sent, Sent::Create),
            Set::RequiredOnUpdate(_) => matches!(sent, Sent::Update),
        }
    }

    /// Whether null is a value that it may be given in that object.
    const fn is_nullable(&self, sent: Sent) -> bool {
        !matches!((&self.set, sent), (Set::RequiredOnUpdate(_), Sent::Update))
    }

    /// Takes it out of `fields` and into `update`.
    pub(crate) fn read(
        &self,
        fields: &mut Fields,
        sent: Sent,
        update: &mut SettingsUpdate,
        rules: &FieldRules,
    ) -> Result<(), Problem> {
        let Some(settable) = self.settable() else {
            return Ok(());
        };
        let is_there = settable.read(self.name, fields, update, rules)?;
        match is_there || self.is_nullable(sent) {
            true => Ok(()),
            false => Err(Problem::missing_field(
                self.name,
                "is required, and must not be null",
            )),
        }
    }

    /// What the document says of it in the object that a client sends.
    pub(crate) fn sent_schema(&self, sent: Sent) -> RefOr<Schema> {
        let Some(settable) = self.settable() else {
            return ignored();
        };
        let mut says = self.says.to_owned();
        if !self.advice.is_empty() {
            says.push(' ');
            says.push_str(self.advice);
        }
        if matches!(self.set, Set::RequiredOnUpdate(_)) && sent == Sent::Create {
            says.push_str(&format!(" {} if it is absent or null.", settable.default_name()));
        }
        let mut schema = settable.schema(&says, self.is_nullable(sent));
        if self.shown.is_none() {
            write_only(&mut schema);
        }
        schema
    }

    /// What the document says of it in an answer, if it is in any.
    pub(crate) fn shown_schema(&self) -> Option<RefOr<Schema>> {
        self.shown?;
        Some(match &self.set {
            Set::ByServer { schema } => {
                let mut schema = schema(self.says);
                read_only(&mut schema);
                schema
            }
            Set::Optional(value)
            | Set::PresentOnCreate(value)
            | Set::RequiredOnUpdate(value)
            | Set::OfChange(value) => value.shown_schema(self.says),
        })
    }

    /// The example of it, in an answer or in what a client sends.
    pub(crate) fn example(&self, is_shown: bool) -> (String, Value) {
        (self.name.to_owned(), self.example.json(is_shown))
    }
}
