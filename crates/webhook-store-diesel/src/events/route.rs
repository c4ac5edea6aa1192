//! As much of a webhook's row as says which events go to it.

use diesel::prelude::*;
use webhook_domain::webhook::Route;

use crate::database::row::{At, RowError};
use crate::webhooks::row::actions;

/// Columns of `webhooks`.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct RouteRow {
    id: String,
    pub(crate) platform: String,
    included_actions: Option<String>,
    excluded_actions: Option<String>,
    include_previous_data: bool,
}

impl RouteRow {
    pub(crate) fn decode(&self) -> Result<Route, RowError> {
        let at = |column| At {
            column,
            row: &self.id,
        };
        Ok(Route {
            webhook: self.id.parse().map_err(|problem| at("id").value(problem))?,
            platform: self
                .platform
                .parse()
                .map_err(|problem| at("platform").value(problem))?,
            included_actions: actions(self.included_actions.as_deref(), at("included_actions"))?,
            excluded_actions: actions(self.excluded_actions.as_deref(), at("excluded_actions"))?,
            include_previous_data: self.include_previous_data,
        })
    }
}
