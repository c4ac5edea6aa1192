//! The rows of rotations.

use diesel::prelude::*;
use webhook_domain::access::caller::Credential;
use webhook_domain::id::{PlatformId, ProcessId, RequestId, SigningKeyId};
use webhook_domain::rotation::{
    KeyBefore, Rotation, RotationClaim, RotationStep, RotationTotals, RotationWebhook, Settled,
};
use webhook_domain::stored::StoredRotationOrders;
use webhook_domain::time::Instant;
use webhook_domain::{InvalidValue, StoreError};

use crate::database::row::{At, RowError};
use crate::database::schema::{rotation_webhooks, rotations};

/// The status of a rotation whose webhooks are not all written.
pub(super) const PREPARING: &str = "PREPARING";

/// A row of `rotations`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rotations, treat_none_as_null = true)]
pub(crate) struct RotationRow {
    pub(crate) id: String,
    pub(super) platform: String,
    pub(super) status: String,
    /// The platform while it runs.
    pub(super) running_on: Option<String>,
    pub(super) stop_reason: Option<String>,
    pub(super) orders: String,
    pub(super) begun_by: String,
    pub(super) request_id: String,
    pub(super) created_at: i64,
    pub(super) finished_at: Option<i64>,
    pub(super) total: i64,
    pub(super) rolled: i64,
    pub(super) skipped: i64,
    pub(super) failed: i64,
    pub(super) runner: Option<String>,
    pub(super) epoch: i64,
    pub(super) claimed_until: i64,
}

impl RotationRow {
    /// The row of a rotation that nobody works at yet.
    pub(super) fn encode(rotation: &Rotation) -> Result<Self, RowError> {
        let id = rotation.id.to_string();
        let orders = serde_json::to_string(&StoredRotationOrders::of(&rotation.orders));
        let at = At {
            column: "orders",
            row: &id,
        };
        let orders = orders.map_err(|source| at.json(source))?;
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let is_running = rotation.finished_at.is_none();
        Ok(Self {
            platform: rotation.platform.to_string(),
            status: rotation.status.name().to_owned(),
            running_on: is_running.then(|| rotation.platform.to_string()),
            stop_reason: rotation.stop_reason.map(|reason| reason.name().to_owned()),
            orders,
            begun_by: rotation.begun_by.to_string(),
            request_id: rotation.request.to_string(),
            created_at: rotation.created_at.as_milliseconds(),
            finished_at: rotation.finished_at.map(Instant::as_milliseconds),
            total: count(rotation.totals.total),
            rolled: count(rotation.totals.rolled),
            skipped: count(rotation.totals.skipped),
            failed: count(rotation.totals.failed),
            runner: None,
            epoch: 0,
            claimed_until: 0,
            id,
        })
    }

    /// The rotation, of which so many webhooks have adopted their key.
    pub(super) fn decode(&self, adopted: i64) -> Result<Rotation, RowError> {
        let at = |column| At {
            column,
            row: &self.id,
        };
        let orders: StoredRotationOrders =
            serde_json::from_str(&self.orders).map_err(|source| at("orders").json(source))?;
        let reason = self.stop_reason.as_deref().map(str::parse);
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(Rotation {
            id: self.id.parse().map_err(|problem| at("id").value(problem))?,
            platform: PlatformId::restore(&self.platform),
            orders: orders.restore().map_err(|error| at("orders").stored(error))?,
            status: self
                .status
                .parse()
                .map_err(|problem| at("status").value(problem))?,
            stop_reason: reason
                .transpose()
                .map_err(|problem| at("stop_reason").value(problem))?,
            totals: RotationTotals {
                total: count(self.total),
                rolled: count(self.rolled),
                skipped: count(self.skipped),
                failed: count(self.failed),
                adopted: count(adopted),
            },
            begun_by: Credential::restore(&self.begun_by).map_err(|problem| at("begun_by").value(problem))?,
            request: RequestId::restore(&self.request_id),
            created_at: Instant::from_milliseconds(self.created_at),
            finished_at: self.finished_at.map(Instant::from_milliseconds),
        })
    }

    /// Whether its webhooks are not all written.
    pub(super) fn is_prepared(&self) -> bool {
        self.status == PREPARING
    }

    /// Who works at it.
    pub(super) fn claim(&self) -> Result<RotationClaim, RowError> {
        let at = At {
            column: "runner",
            row: &self.id,
        };
        let runner: Option<Result<ProcessId, InvalidValue>> = self.runner.as_deref().map(str::parse);
        Ok(RotationClaim {
            runner: runner.transpose().map_err(|problem| at.value(problem))?,
            epoch: u64::try_from(self.epoch).unwrap_or(0),
            until: Instant::from_milliseconds(self.claimed_until),
        })
    }
}

/// A row of `rotation_webhooks`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = rotation_webhooks)]
pub(super) struct RotationWebhookRow {
    rotation_id: String,
    number: i64,
    webhook_id: String,
    outcome: Option<String>,
    reason: Option<String>,
    key_id: Option<String>,
    settled_at: Option<i64>,
    adopted: bool,
    /// Empty if there was no current key, null if a release wrote the row that does not note it.
    key_before: Option<String>,
}

impl RotationWebhookRow {
    pub(super) fn decode(self) -> Result<RotationWebhook, RowError> {
        let row = format!("{} of {}", self.number, self.rotation_id);
        let at = |column| At { column, row: &row };
        let key: Option<Result<SigningKeyId, InvalidValue>> = self.key_id.as_deref().map(str::parse);
        let key = key.transpose().map_err(|problem| at("key_id").value(problem))?;
        let key_before = match self.key_before.as_deref() {
            None => KeyBefore::NotNoted,
            Some("") => KeyBefore::None,
            Some(key) => {
                let key: Result<_, InvalidValue> = key.parse();
                KeyBefore::Key(key.map_err(|problem| at("key_before").value(problem))?)
            }
        };
        let settled = self.outcome.map(|outcome| {
            let settled = Settled::restore(&outcome, self.reason.as_deref(), key);
            let settled = settled.map_err(|problem| at("outcome").value(problem))?;
            let settled_at = Instant::from_milliseconds(self.settled_at.unwrap_or(0));
            Ok::<_, RowError>((settled, settled_at))
        });
        Ok(RotationWebhook {
            number: u64::try_from(self.number).unwrap_or(0),
            webhook: self
                .webhook_id
                .parse()
                .map_err(|problem| at("webhook_id").value(problem))?,
            key_before,
            settled: settled.transpose()?,
            is_adopted: self.adopted,
        })
    }
}

/// A webhook of a rotation that is to be written, without an outcome.
#[derive(Debug, Clone)]
pub(crate) struct NewRotationWebhook {
    pub(crate) rotation_id: String,
    pub(crate) number: i64,
    pub(crate) webhook_id: String,
    /// Its current key, empty if it has none; null if that cannot be read.
    pub(crate) key_before: Option<String>,
}

/// What becomes of a webhook of a rotation.
#[derive(Debug)]
pub(crate) struct SettledColumns {
    pub(crate) rotation_id: String,
    pub(crate) number: i64,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) key_id: Option<String>,
    pub(crate) settled_at: i64,
}

impl SettledColumns {
    pub(super) fn encode(step: RotationStep, settled: Settled) -> Self {
        Self {
            rotation_id: step.rotation.to_string(),
            number: number_of(step.number),
            outcome: settled.outcome(),
            reason: settled.reason(),
            key_id: settled.key().map(|key| key.to_string()),
            settled_at: step.at.as_milliseconds(),
        }
    }
}

/// A number of a webhook as it is stored.
pub(super) fn number_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What is said of a row that cannot be read, outside a transaction.
pub(super) fn unreadable(error: RowError) -> StoreError {
    StoreError::Corrupt(error.into())
}
