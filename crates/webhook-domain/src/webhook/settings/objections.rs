//! What a deployment has against values of an update.

use std::borrow::Cow;

use super::{Edit, Settings, SettingsUpdate};
use crate::error::{InvalidValue, Refusal};
use crate::webhook::{Action, ActionList};

/// What the rules of a deployment (its catalogue of actions, its policy for targets) have against values of an update. They
/// judge a value that changes: what is stored already is never refused, so that what was read can be sent back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objections {
    /// Against [`SettingsUpdate::url`].
    pub url: Option<InvalidValue>,
    /// The places in [`SettingsUpdate::included_actions`] of actions that the catalogue does not have.
    pub included_actions: Vec<usize>,
    /// The same of [`SettingsUpdate::excluded_actions`].
    pub excluded_actions: Vec<usize>,
}

impl Objections {
    /// Refuses the first value that is objected to and that `stored` does not have.
    pub(super) fn hold_against(&self, update: &SettingsUpdate, stored: &Settings) -> Result<(), Refusal> {
        let refused = |field: Cow<'static, str>, problem| Err(Refusal::InvalidField { field, problem });
        if let (Some(problem), Edit::Set(url)) = (&self.url, &update.url)
            && stored.url.as_ref() != Some(url)
        {
            return refused("url".into(), problem.clone());
        }
        let lists = [
            (
                "included_actions",
                &self.included_actions,
                &update.included_actions,
                &stored.included_actions,
            ),
            (
                "excluded_actions",
                &self.excluded_actions,
                &update.excluded_actions,
                &stored.excluded_actions,
            ),
        ];
        for (field, objected_to, edit, stored) in lists {
            let Edit::Set(list) = edit else { continue };
            let is_stored = |action: &Action| stored.as_ref().is_some_and(|stored| stored.contains(action));
            let mut new = list.iter().enumerate().filter(|(_, action)| !is_stored(action));
            if let Some((index, _)) = new.find(|(index, _)| objected_to.contains(index)) {
                return refused(format!("{field}.{index}").into(), ActionList::not_in_catalogue());
            }
        }
        Ok(())
    }
}
