//! The row of a check of keys.

use diesel::prelude::*;
use webhook_domain::delivery::key_check::allowance::{Allowance, BegunCheck, NewCheck};
use webhook_domain::time::Instant;

use crate::database::row::{At, RowError};
use crate::database::schema::key_checks;

/// A row of `key_checks`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = key_checks)]
pub(super) struct KeyCheckRow {
    id: String,
    webhook_id: String,
    host: String,
    begun_at: i64,
    on_request: bool,
    is_over: bool,
}

impl KeyCheckRow {
    /// The row of a check that begins.
    pub(super) fn encode(check: &NewCheck) -> Self {
        Self {
            id: check.id.to_string(),
            webhook_id: check.webhook.to_string(),
            host: check.host.clone(),
            begun_at: check.at.as_milliseconds(),
            on_request: check.allowance == Allowance::OnRequest,
            is_over: false,
        }
    }

    pub(super) fn decode(self) -> Result<BegunCheck, RowError> {
        let at = |column| At {
            column,
            row: &self.id,
        };
        Ok(BegunCheck {
            check: NewCheck {
                id: self.id.parse().map_err(|problem| at("id").value(problem))?,
                webhook: self
                    .webhook_id
                    .parse()
                    .map_err(|problem| at("webhook_id").value(problem))?,
                host: self.host,
                at: Instant::from_milliseconds(self.begun_at),
                allowance: match self.on_request {
                    true => Allowance::OnRequest,
                    false => Allowance::ByItself,
                },
            },
            is_over: self.is_over,
        })
    }
}
