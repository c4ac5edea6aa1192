//! A rotation: as it is asked for, and as clients see it.

use std::collections::BTreeSet;

use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, RefOr};
use webhook_domain::InvalidValue;
use webhook_domain::delivery::event::JsonText;
use webhook_domain::id::{RotationId, WebhookId};
use webhook_domain::ports::MatchingWebhooks;
use webhook_domain::rotation::{
    ReferencePrefix, Rotation, RotationFilter, RotationStatus, RotationWebhook, Settled, Spread, StopReason,
};
use webhook_domain::services::StartRotation;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Edit, WebhookFilter};

use super::answer::answer;
use super::body::{Sent, body, given};
use super::fields::Fields;
use super::schemas::{AsText, ByName, Described, NamedOutcome, NamedReason, plain};
use crate::errors::Problem;
use crate::openapi::shared::{Component, SIGNING_PROTOCOL};
use crate::openapi::values::{free_text, id, overlap, whole};
use crate::request::json::Object;

answer! {
    /// The rolls of many webhooks' secrets, one after the other.
    #[document("Rotation", object_type = "ROTATION")]
    pub struct RotationJson {
        /// The rotation's id.
        id: AsText<RotationId> = "rot_01hv9k2m4rt6w8y0abcdefghjk",
        /// How far it is.
        status: ByName<RotationStatus> = "RUNNING",
        /// Why it was stopped. Null unless it was.
        stop_reason: Option<ByName<StopReason>> = null,
        /// How many webhooks it is about: those that met the filter when it began.
        total: u64 = 250,
        /// How many were rolled.
        rolled: u64 = 100,
        /// How many were left as they are when it was their turn.
        skipped: u64 = 2,
        /// How many could not be rolled.
        failed: u64 = 0,
        /// Of how many of those that were rolled the receiver was shown to verify with the key that the rotation gave them.
        adopted: u64 = 40,
        /// When it began.
        created_at: AsText<Instant> = "2024-04-12T15:22:37Z",
        /// When it ended. Null while it runs.
        finished_at: Option<AsText<Instant>> = null,
    }
}

impl RotationJson {
    /// `rotation`, with its totals.
    #[must_use]
    pub fn new(rotation: &Rotation) -> Self {
        let totals = rotation.totals;
        Self {
            object_type: Self::OBJECT_TYPE,
            id: AsText(rotation.id),
            status: ByName(rotation.status),
            stop_reason: rotation.stop_reason.map(ByName),
            total: totals.total,
            rolled: totals.rolled,
            skipped: totals.skipped,
            failed: totals.failed,
            adopted: totals.adopted,
            created_at: AsText(rotation.created_at),
            finished_at: rotation.finished_at.map(AsText),
        }
    }
}

/// A rotation as the receivers of `ROTATION.FINISHED` see it.
#[must_use]
pub fn described_rotation(rotation: &Rotation) -> JsonText {
    JsonText::of(&RotationJson::new(rotation))
}

answer! {
    /// What a rotation would be about.
    #[document("RotationPlan", object_type = "ROTATION_PLAN")]
    pub struct RotationPlanJson {
        /// How many webhooks meet the filter.
        total: u64 = 250,
        /// The first hundred of them, in the order in which they were created.
        webhook_ids: Vec<AsText<WebhookId>> = ["whk_01hv9k2m4rt6w8y0abcdefghjk"],
    }
}

impl RotationPlanJson {
    /// What `matching` says.
    #[must_use]
    pub fn new(matching: &MatchingWebhooks) -> Self {
        Self {
            object_type: Self::OBJECT_TYPE,
            total: matching.total,
            webhook_ids: matching.first.iter().copied().map(AsText).collect(),
        }
    }
}

answer! {
    /// One webhook of a rotation.
    #[document("RotationWebhook", object_type = "ROTATION_WEBHOOK")]
    pub struct RotationWebhookJson {
        /// The webhook. It may have been deleted since.
        webhook_id: AsText<WebhookId> = "whk_01hv9k2m4rt6w8y0abcdefghjk",
        /// What became of it. Null until it has had its turn.
        outcome: Option<NamedOutcome> = "ROLLED",
        /// Why it was not rolled.
        reason: Option<NamedReason> = null,
        /// When it had its turn.
        settled_at: Option<AsText<Instant>> = "2024-04-12T15:22:38Z",
        /// Whether the receiver was shown to verify with the key that the rotation gave it.
        adopted: bool = true,
    }
}

impl RotationWebhookJson {
    /// `webhook`, whole.
    #[must_use]
    pub fn new(webhook: &RotationWebhook) -> Self {
        let settled = webhook.settled.map(|(settled, _)| settled);
        Self {
            object_type: Self::OBJECT_TYPE,
            webhook_id: AsText(webhook.webhook),
            outcome: settled.map(|settled| NamedOutcome(settled.outcome())),
            reason: settled.and_then(Settled::reason).map(NamedReason),
            settled_at: webhook.settled.map(|(_, at)| AsText(at)),
            adopted: webhook.is_adopted,
        }
    }
}

body! {
    /// A rotation to begin.
    #[document("StartRotation", read_from = Fields, answered_with = RotationJson)]
    pub(crate) struct RotationBody {
        /// Which webhooks it is about.
        filter: FilterBody = {"reference_prefix": "billing-"},
        /// For how many seconds the previous secret of each webhook goes on signing.
        previous_secret_expires_in: Option<RetiredFor> = 86400,
        /// Whether it goes on beyond that until the receiver was shown to verify with the new one, at most until 30 days after it was
        /// retired. Not with an overlap of 0.
        keep_previous_until_adopted: Option<bool> = false,
        /// Over how many seconds the webhooks are spread evenly; 0 is as fast as it goes.
        spread_seconds: Spread = 3600,
        /// With how many failures it stops. A few more may have failed by then, since some are rolled at the same time.
        stop_after_failures: Option<MostFailures> = 10,
        /// Whether nothing is begun, and only counted.
        dry_run: Option<bool> = false,
        /// How many webhooks it must be about. Required when no older secret goes on signing: the number that a dry run counts.
        confirm_total: Option<u64>,
    }
}

body! {
    /// Conditions, all of which the webhooks of a rotation meet, when it begins and when it is their turn. At least one, or `all`.
    #[document("RotationFilter", read_from = Fields)]
    pub(crate) struct FilterBody {
        /// It is one of these. An id that is no webhook's of the platform is passed over.
        ids: Option<WebhookIds>,
        /// Its reference begins so.
        reference_prefix: Option<ReferencePrefix> = "billing-",
        /// Its secret was last rolled or removed before this instant; or was made then, if that never happened.
        rolled_before: Option<Instant> = "2024-04-12T15:22:37Z",
        /// It signs by this protocol.
        signing_protocol: Option<SigningProtocol> = "HmacSHA256",
        /// Whether it is active.
        active: Option<bool> = true,
        /// True: all webhooks of the platform. Then there is no other condition.
        all: Option<bool>,
    }
}

/// What `body` asks for, and whether nothing is to be begun.
pub(crate) fn start_rotation(body: Object) -> Result<(StartRotation, bool), Problem> {
    let asked = RotationBody::read(&mut Fields::new(body, RotationBody::is_known)?)?;
    let start = StartRotation {
        filter: asked.filter.into(),
        overlap: asked
            .previous_secret_expires_in
            .map(|RetiredFor(overlap)| overlap),
        keeps_previous_until_adopted: asked.keep_previous_until_adopted.unwrap_or(false),
        spread: asked.spread_seconds,
        stop_after_failures: asked.stop_after_failures.map(|MostFailures(most)| most),
        confirm_total: asked.confirm_total,
        idempotent: None,
    };
    Ok((start, asked.dry_run.unwrap_or(false)))
}

impl From<FilterBody> for RotationFilter {
    fn from(asked: FilterBody) -> Self {
        Self {
            all: asked.all.unwrap_or(false),
            ids: asked.ids.map(|WebhookIds(ids)| ids),
            reference_prefix: asked.reference_prefix,
            others: WebhookFilter {
                active: asked.active,
                rolled_before: asked.rolled_before,
                signing_protocol: asked.signing_protocol,
                ..WebhookFilter::default()
            },
        }
    }
}

/// The filter in the document.
pub(super) const FILTER: Component =
    Component("RotationFilter", <FilterBody as utoipa::PartialSchema>::schema);

impl Described for FilterBody {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        FILTER.of(says, nullable)
    }
}

impl Sent for FilterBody {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        let Some(object) = fields.object(name, "must be an object of conditions")? else {
            return Ok(None);
        };
        let read = Fields::new(object, Self::is_known).and_then(|mut fields| Self::read(&mut fields));
        read.map(Some).map_err(|problem| problem.within(name))
    }
}

/// For how long a previous secret goes on signing.
pub(crate) struct RetiredFor(Overlap);

impl Described for RetiredFor {
    fn schema(_: &str, nullable: bool) -> RefOr<Schema> {
        plain(overlap(), nullable)
    }
}

impl Sent for RetiredFor {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        Ok(Overlap::take_if_there(name, fields)?.map(Self))
    }
}

/// With how many failures a rotation stops.
pub(crate) struct MostFailures(u32);

impl MostFailures {
    const MOST: u32 = 1_000_000;

    const fn invalid() -> InvalidValue {
        InvalidValue::new("must be a whole number from 1 to 1000000")
    }
}

impl Described for MostFailures {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(1, Self::MOST as usize, says), nullable)
    }
}

impl Sent for MostFailures {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        let parse = |number| match u32::try_from(number) {
            Ok(number) if (1..=Self::MOST).contains(&number) => Ok(Self(number)),
            _ => Err(Self::invalid()),
        };
        fields.whole(name, parse, Self::invalid())
    }
}

/// The ids of webhooks, each once.
pub(crate) struct WebhookIds(BTreeSet<WebhookId>);

impl Described for WebhookIds {
    fn schema(says: &str, _: bool) -> RefOr<Schema> {
        let ids = ArrayBuilder::new().items(id(WebhookId::PREFIX, ""));
        let ids = ids
            .min_items(Some(1))
            .max_items(Some(RotationFilter::MAX_IDS))
            .unique_items(true);
        ids.description(Some(says)).into()
    }
}

impl Sent for WebhookIds {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        let Edit::Set(texts) = fields.texts(name, "must be a list of ids of webhooks")? else {
            return Ok(None);
        };
        if !(1..=RotationFilter::MAX_IDS).contains(&texts.len()) {
            return Err(Problem::invalid_field(name, "must have 1 to 1000 ids"));
        }
        let mut ids = BTreeSet::new();
        for (index, text) in texts.iter().enumerate() {
            let wrong = |problem: &InvalidValue| Problem::invalid_value(format!("{name}.{index}"), problem);
            if !ids.insert(text.parse().map_err(|problem| wrong(&problem))?) {
                return Err(wrong(&InvalidValue::new("must not be listed twice")));
            }
        }
        Ok(Some(Self(ids)))
    }
}

impl Described for Spread {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(0, Self::MAX_SECONDS as usize, says), nullable)
    }
}

impl Sent for Spread {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.whole(name, Self::from_seconds, Self::invalid())
    }
}

impl Described for ReferencePrefix {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(free_text(says).min_length(Some(1)), nullable)
    }
}

impl Sent for ReferencePrefix {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.text(name, Self::parse).map(given)
    }
}

impl Described for SigningProtocol {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        SIGNING_PROTOCOL.of(says, nullable)
    }
}

impl Sent for SigningProtocol {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.named(name)
    }
}

impl Sent for bool {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.boolean(name)
    }
}

impl Sent for u64 {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.whole(name, Ok, InvalidValue::new("must be a whole number"))
    }
}
