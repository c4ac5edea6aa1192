//! The actions of a deployment as clients see them.

use std::collections::BTreeMap;

use serde::Serialize;
use webhook_domain::webhook::ActionCatalogue;

/// What can happen to one type of object.
#[derive(Debug, Serialize)]
pub struct ActionsJson<'a> {
    object_type: &'a str,
    actions: Vec<&'a str>,
}

/// The actions of `catalogue` by what they happen to, both in alphabetical order.
#[must_use]
pub fn actions_json(catalogue: &ActionCatalogue) -> Vec<ActionsJson<'_>> {
    let mut by_type = BTreeMap::<_, Vec<_>>::new();
    for action in catalogue.iter() {
        by_type
            .entry(action.object_type())
            .or_default()
            .push(action.as_str());
    }
    let of_type = |(object_type, actions)| ActionsJson { object_type, actions };
    by_type.into_iter().map(of_type).collect()
}
