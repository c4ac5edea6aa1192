//! The kinds of values that a client may set. A type's own rule and schema stand in one place; what is here reads a value of
//! it into an update and describes it.

use std::str::FromStr;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::InvalidValue;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::text::{PublicText, TextValue};
use webhook_domain::webhook::{ActionList, Edit, RotationDays, SettingsUpdate, TargetUrl};

use super::field_value::FieldValue;
use super::fields::Fields;
use super::schemas::{Enumeration, plain, text};
use crate::errors::Problem;
use crate::openapi::shared::{CUSTOM_HEADER_NAMES, CUSTOM_HEADERS, actions};
use crate::openapi::values::{self, boolean, whole};
use webhook_domain::webhook::FieldRules;

/// How a client sets a field.
pub(crate) trait Settable: Sync {
    /// Takes the field of that name out of `fields` and into `update`. False if it is absent or null; then `update` has its
    /// default, or says that it stays or goes.
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        rules: &FieldRules,
    ) -> Result<bool, Problem>;

    /// What it may be.
    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema>;

    /// What answers show of it.
    fn shown_schema(&self, says: &str) -> RefOr<Schema> {
        self.schema(says, self.may_be_null())
    }

    /// Whether a webhook may have none.
    fn may_be_null(&self) -> bool {
        true
    }

    /// What a new webhook has if its creator says nothing.
    fn default_name(&self) -> &'static str {
        "Null"
    }
}

/// The text that an answer shows of a field, if there is one.
pub(crate) fn shown<T: PublicText>(value: &Option<T>) -> FieldValue<'_> {
    value.as_ref().map(PublicText::text).into()
}

/// A text of a type of its own.
pub(crate) struct Text<T>(pub(crate) fn(&mut SettingsUpdate) -> &mut Edit<T>);

impl<T: TextValue> Settable for Text<T> {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let edit = fields.text(name, T::from_text)?;
        Ok(set(self.0(update), edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        plain(text::<T>(says), nullable)
    }
}

/// Where deliveries go.
pub(crate) struct Url;

impl Settable for Url {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        rules: &FieldRules,
    ) -> Result<bool, Problem> {
        let edit = fields.text(name, |text| {
            let (url, objection) = TargetUrl::propose(text, &rules.targets)?;
            update.objections.url = objection;
            Ok(url)
        })?;
        Ok(set(&mut update.url, edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        plain(values::url(says), nullable)
    }
}

/// A list of actions, and where an update notes those that the catalogue does not have.
pub(crate) struct Actions {
    pub(crate) edit: fn(&mut SettingsUpdate) -> &mut Edit<ActionList>,
    pub(crate) objections: fn(&mut SettingsUpdate) -> &mut Vec<usize>,
}

impl Settable for Actions {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        rules: &FieldRules,
    ) -> Result<bool, Problem> {
        let foreign = (self.objections)(update);
        let edit = fields.actions(name, &rules.actions.get(), foreign)?;
        Ok(set((self.edit)(update), edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        actions(says, nullable)
    }
}

/// Headers of a client's own, by name: their values are secrets.
pub(crate) struct Headers;

impl Settable for Headers {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let edit = fields.headers(name)?;
        Ok(set(&mut update.custom_headers, edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        CUSTOM_HEADERS.of(says, nullable)
    }

    fn shown_schema(&self, says: &str) -> RefOr<Schema> {
        CUSTOM_HEADER_NAMES.or_null(says)
    }
}

/// True or false. What it is when nobody says is the default of an update.
pub(crate) struct Flag {
    pub(crate) edit: fn(&mut SettingsUpdate) -> &mut bool,
    pub(crate) default: bool,
}

impl Settable for Flag {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let sent = fields.boolean(name)?;
        *(self.edit)(update) = sent.unwrap_or(self.default);
        Ok(sent.is_some())
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        plain(boolean(says), nullable)
    }

    fn may_be_null(&self) -> bool {
        false
    }

    fn default_name(&self) -> &'static str {
        match self.default {
            true => "True",
            false => "False",
        }
    }
}

/// True or false, which an update may leave as it is; null is false.
pub(crate) struct OptionalFlag(pub(crate) fn(&mut SettingsUpdate) -> &mut Edit<bool>);

impl Settable for OptionalFlag {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let edit = fields.boolean_edit(name)?;
        Ok(set(self.0(update), edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        plain(boolean(says), nullable)
    }

    fn may_be_null(&self) -> bool {
        false
    }
}

/// After how many days something is due; null for what the deployment has.
pub(crate) struct Days(pub(crate) fn(&mut SettingsUpdate) -> &mut Edit<RotationDays>);

impl Settable for Days {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let edit = fields.whole_edit(name, RotationDays::new, RotationDays::invalid())?;
        Ok(set(self.0(update), edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(1, RotationDays::MAX.into(), says), nullable)
    }
}

/// One of a few names, which an update always says.
pub(crate) struct Choice<T>(pub(crate) fn(&mut SettingsUpdate) -> &mut T);

impl<T: Enumeration + FromStr<Err = InvalidValue> + Default> Settable for Choice<T> {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let sent = fields.named(name)?;
        let is_there = sent.is_some();
        *self.0(update) = sent.unwrap_or_default();
        Ok(is_there)
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        T::NAMES.of(says, nullable)
    }

    fn may_be_null(&self) -> bool {
        false
    }

    fn default_name(&self) -> &'static str {
        T::default().name()
    }
}

/// One of a few names, which an update may leave as it is; null is the default one.
pub(crate) struct OptionalChoice<T>(pub(crate) fn(&mut SettingsUpdate) -> &mut Edit<T>);

impl<T: Enumeration + FromStr<Err = InvalidValue>> Settable for OptionalChoice<T> {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let edit = fields.named_edit(name)?;
        Ok(set(self.0(update), edit))
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        T::NAMES.of(says, nullable)
    }

    fn may_be_null(&self) -> bool {
        false
    }
}

/// For how many seconds what a change replaces stays in use besides; absent or null, for none.
pub(crate) struct OverlapOf(pub(crate) fn(&mut SettingsUpdate) -> &mut Overlap);

impl Settable for OverlapOf {
    fn read(
        &self,
        name: &'static str,
        fields: &mut Fields,
        update: &mut SettingsUpdate,
        _: &FieldRules,
    ) -> Result<bool, Problem> {
        let sent = fields.whole(name, Overlap::from_seconds, Overlap::invalid())?;
        *self.0(update) = sent.unwrap_or(Overlap::NONE);
        Ok(sent.is_some())
    }

    fn schema(&self, says: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(0, Overlap::MAX_SECONDS as usize, says), nullable)
    }
}

fn set<T>(place: &mut Edit<T>, edit: Edit<T>) -> bool {
    *place = edit;
    matches!(place, Edit::Set(_))
}
