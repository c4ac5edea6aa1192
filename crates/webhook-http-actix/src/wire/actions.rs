//! The actions of a deployment as clients see them.

use std::collections::BTreeMap;

use webhook_domain::webhook::{Action, ActionCatalogue};

use super::answer::answer;
use super::schemas::{AsText, ObjectType};

/// What the list of actions is ordered by.
pub(crate) const ORDER_OF_ACTIONS: &str = "object_type";

answer! {
    /// The actions of the deployment.
    #[document("ActionList")]
    pub(crate) struct ActionListJson<'a> {
        /// By type of object.
        pub(crate) data: Vec<ObjectActionsJson<'a>>,
    }
}

answer! {
    /// What can happen to one type of object.
    #[document("ObjectActions")]
    pub(crate) struct ObjectActionsJson<'a> {
        /// The type of object.
        object_type: ObjectType<'a> = "INVOICE",
        /// What can happen to it.
        actions: Vec<AsText<&'a Action>> = ["INVOICE.CREATED", "INVOICE.UPDATED"],
    }
}

impl<'a> ActionListJson<'a> {
    /// The actions of `catalogue` by what they happen to, both in alphabetical order.
    pub(crate) fn new(catalogue: &'a ActionCatalogue) -> Self {
        let mut by_type = BTreeMap::<_, Vec<_>>::new();
        for action in catalogue.iter() {
            let actions = by_type.entry(action.object_type()).or_default();
            actions.push(AsText(action));
        }
        let of_type = |(object_type, actions)| ObjectActionsJson {
            object_type: ObjectType(object_type),
            actions,
        };
        Self {
            data: by_type.into_iter().map(of_type).collect(),
        }
    }
}
