//! What a campaign is to do: the fields of its plan, as they were written, and as the domain takes them.

use webhook_domain::InvalidValue;
use webhook_domain::rotation::{ReferencePrefix, RotationFilter, Spread};
use webhook_domain::services::StartRotation;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::webhook::WebhookFilter;

use crate::request::call::Call;
use crate::request::condition::{Wrong, instant, read};
use crate::request::form::Form;

/// A choice in a select: its value, and what is shown.
pub(super) type Choice = (&'static str, &'static str);

/// For how long retired keys go on signing.
pub(super) const OVERLAPS: [Choice; 5] = [
    ("", "as long as the deployment says"),
    ("3600", "1 hour"),
    ("86400", "1 day"),
    ("604800", "7 days"),
    ("0", "not at all: they end at once"),
];
/// Over how long it is spread.
pub(super) const SPREADS: [Choice; 5] = [
    ("0", "as fast as it goes"),
    ("3600", "1 hour"),
    ("28800", "8 hours"),
    ("86400", "1 day"),
    ("604800", "7 days"),
];
/// Which webhooks it is about.
pub(super) const ACTIVE: [Choice; 3] = [("", "active or not"), ("true", "active"), ("false", "inactive")];
/// By what they sign.
pub(super) const PROTOCOLS: [Choice; 3] = [("", "any"), ("HmacSHA256", "HmacSHA256"), ("Ed25519", "Ed25519")];

/// The fields, as they were written.
#[derive(Clone, Default)]
pub(super) struct Asked {
    pub(super) all: String,
    pub(super) reference_prefix: String,
    pub(super) rolled_before: String,
    pub(super) active: String,
    pub(super) protocol: String,
    pub(super) overlap: String,
    pub(super) until_adopted: String,
    pub(super) spread: String,
    pub(super) stop_after: String,
}

impl Asked {
    /// What the query of `call` asks for.
    pub(super) fn of(call: &Call) -> Self {
        Self::from(|name| call.query(name).unwrap_or_default())
    }

    /// What `form` asks for.
    pub(super) fn sent(form: &Form) -> Self {
        Self::from(|name| form.text(name).to_owned())
    }

    fn from(text: impl Fn(&str) -> String) -> Self {
        Self {
            all: text("all"),
            reference_prefix: text("reference_prefix"),
            rolled_before: text("rolled_before"),
            active: text("active"),
            protocol: text("protocol"),
            overlap: text("overlap"),
            until_adopted: text("until_adopted"),
            spread: text("spread"),
            stop_after: text("stop_after"),
        }
    }

    /// The fields by name, for a form that sends them on.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 9] {
        [
            ("all", &self.all),
            ("reference_prefix", &self.reference_prefix),
            ("rolled_before", &self.rolled_before),
            ("active", &self.active),
            ("protocol", &self.protocol),
            ("overlap", &self.overlap),
            ("until_adopted", &self.until_adopted),
            ("spread", &self.spread),
            ("stop_after", &self.stop_after),
        ]
    }

    /// The campaign that is asked for.
    pub(super) fn start(&self) -> Result<StartRotation, Wrong> {
        let filter = RotationFilter {
            all: !self.all.is_empty(),
            ids: None,
            reference_prefix: read("reference_prefix", &self.reference_prefix, |text| {
                ReferencePrefix::parse(text.to_owned())
            })?,
            others: WebhookFilter {
                active: read("active", &self.active, boolean)?,
                rolled_before: read("rolled_before", &self.rolled_before, instant)?,
                signing_protocol: read("protocol", &self.protocol, str::parse::<SigningProtocol>)?,
                ..WebhookFilter::default()
            },
        };
        filter.check().map_err(|_| {
            let problem = match filter.all {
                true => "choose all webhooks, or conditions, and not both",
                false => "choose a condition, or that all webhooks are meant",
            };
            Wrong::new("all", problem)
        })?;
        let seconds = |text: &str| text.parse::<u64>().map_err(|_| Overlap::invalid());
        Ok(StartRotation {
            filter,
            overlap: read("overlap", &self.overlap, |text| {
                seconds(text).and_then(Overlap::from_seconds)
            })?,
            keeps_previous_until_adopted: !self.until_adopted.is_empty(),
            spread: read("spread", &self.spread, |text| {
                seconds(text).and_then(Spread::from_seconds)
            })?
            .unwrap_or_default(),
            stop_after_failures: read("stop_after", &self.stop_after, failures)?,
            confirm_total: None,
            idempotent: None,
        })
    }
}

fn boolean(text: &str) -> Result<bool, InvalidValue> {
    text.parse()
        .map_err(|_| InvalidValue::new("must be true or false"))
}

fn failures(text: &str) -> Result<u32, InvalidValue> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=1_000_000).contains(number));
    number.ok_or(InvalidValue::new("must be a whole number from 1 to 1000000"))
}
