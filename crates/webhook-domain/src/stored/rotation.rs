//! How the webhooks of a rotation are rolled.

use serde::{Deserialize, Serialize};

use super::{Form, StoredError};
use crate::error::InvalidValue;
use crate::rotation::{ReferencePrefix, RotationFilter, RotationOrders, Spread};
use crate::signing::key_ring::{Overlap, WantedOverlap};
use crate::time::Instant;
use crate::webhook::WebhookFilter;

/// The orders of a rotation as they are kept. Nothing in them is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the orders' of that name")]
pub struct StoredRotationOrders {
    pub form: Form,
    pub all: bool,
    pub ids: Option<Vec<String>>,
    pub reference_prefix: Option<String>,
    pub active: Option<bool>,
    pub rolled_before: Option<i64>,
    pub signing_protocol: Option<String>,
    pub overlap_seconds: u32,
    pub is_default_overlap: bool,
    pub keeps_previous_until_adopted: bool,
    pub spread_seconds: u32,
    pub stop_after_failures: Option<u32>,
}

impl StoredRotationOrders {
    /// The form of `orders`.
    #[must_use]
    pub fn of(orders: &RotationOrders) -> Self {
        let RotationFilter {
            all,
            ids,
            reference_prefix,
            others,
        } = &orders.filter;
        Self {
            form: Form,
            all: *all,
            ids: ids
                .as_ref()
                .map(|ids| ids.iter().map(ToString::to_string).collect()),
            reference_prefix: reference_prefix.as_ref().map(|prefix| prefix.as_str().to_owned()),
            active: others.active,
            rolled_before: others.rolled_before.map(Instant::as_milliseconds),
            signing_protocol: others.signing_protocol.map(|protocol| protocol.name().to_owned()),
            overlap_seconds: orders.overlap.wanted().as_seconds(),
            is_default_overlap: matches!(orders.overlap, WantedOverlap::Default(_)),
            keeps_previous_until_adopted: orders.keeps_previous_until_adopted,
            spread_seconds: orders.spread.as_seconds(),
            stop_after_failures: orders.stop_after_failures,
        }
    }

    /// The orders.
    ///
    /// # Errors
    /// When an id is none, a protocol is not known, or a time is too long.
    pub fn restore(self) -> Result<RotationOrders, StoredError> {
        let ids = self.ids.map(|ids| ids.iter().map(|id| id.parse()).collect());
        let protocol = self.signing_protocol.map(|name| name.parse());
        let overlap = Overlap::from_seconds(self.overlap_seconds.into());
        let overlap = overlap.map_err(StoredError::value("overlap_seconds"))?;
        let spread = Spread::from_seconds(self.spread_seconds.into());
        let filter = RotationFilter {
            all: self.all,
            ids: ids.transpose().map_err(StoredError::value("ids"))?,
            reference_prefix: self.reference_prefix.map(ReferencePrefix::restore),
            others: WebhookFilter {
                active: self.active,
                rolled_before: self.rolled_before.map(Instant::from_milliseconds),
                signing_protocol: protocol
                    .transpose()
                    .map_err(|error: InvalidValue| StoredError::value("signing_protocol")(error))?,
                ..WebhookFilter::default()
            },
        };
        Ok(RotationOrders {
            filter,
            overlap: match self.is_default_overlap {
                true => WantedOverlap::Default(overlap),
                false => WantedOverlap::Asked(overlap),
            },
            keeps_previous_until_adopted: self.keeps_previous_until_adopted,
            spread: spread.map_err(StoredError::value("spread_seconds"))?,
            stop_after_failures: self.stop_after_failures,
        })
    }
}
