//! An object's fields, taken out one by one, each as what it must be.

use std::str::FromStr;

use webhook_domain::InvalidValue;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::webhook::{ActionCatalogue, ActionList, CustomHeadersUpdate, Edit};

use crate::errors::Problem;
use crate::request::json::{Json, Object};

/// The fields of an object that were not taken yet.
pub(crate) struct Fields(Object);

impl Fields {
    /// The fields of `object`, if all their names are known.
    pub(crate) fn new(object: Object, is_known: impl Fn(&str) -> bool) -> Result<Self, Problem> {
        match object.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(Self(object)),
            Some((name, _)) => Err(Problem::invalid_name(
                name,
                "is not a field of this object; leave it out or correct its name",
            )),
        }
    }

    /// Whether the field is there, be it null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    fn take(&mut self, field: &str) -> Option<Json> {
        let place = self.0.iter().position(|(name, _)| name == field)?;
        Some(self.0.swap_remove(place).1)
    }

    /// A boolean; none if it is absent or null.
    pub(crate) fn boolean(&mut self, field: &'static str) -> Result<Option<bool>, Problem> {
        match self.take(field) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(Problem::invalid_field(field, "must be true or false")),
        }
    }

    /// An object; none if it is absent or null. `expected` says what else would have been right.
    pub(crate) fn object(&mut self, field: &'static str, expected: &str) -> Result<Option<Object>, Problem> {
        match self.take(field) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Problem::invalid_field(field, expected)),
        }
    }

    /// As [`boolean`](Self::boolean); null clears.
    pub(crate) fn boolean_edit(&mut self, field: &'static str) -> Result<Edit<bool>, Problem> {
        let is_there = self.has(field);
        let value = self.boolean(field)?;
        Ok(edit(is_there, value))
    }

    /// A text that `parse` accepts, or null.
    pub(crate) fn text<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(String) -> Result<T, InvalidValue>,
    ) -> Result<Edit<T>, Problem> {
        match self.take(field) {
            None => Ok(Edit::Keep),
            Some(Json::Null) => Ok(Edit::Clear),
            Some(Json::Text(text)) => parse(text)
                .map(Edit::Set)
                .map_err(|problem| Problem::invalid_value(field, &problem)),
            Some(_) => Err(Problem::invalid_field(field, "must be a string or null")),
        }
    }

    /// One of the names of a type that has a few; null clears.
    pub(crate) fn named_edit<T>(&mut self, field: &'static str) -> Result<Edit<T>, Problem>
    where
        T: FromStr<Err = InvalidValue>,
    {
        let text = match self.take(field) {
            None => return Ok(Edit::Keep),
            Some(Json::Null) => return Ok(Edit::Clear),
            Some(Json::Text(text)) => text,
            // No type has an empty name: its own words say which there are.
            Some(_) => String::new(),
        };
        text.parse()
            .map(Edit::Set)
            .map_err(|problem| Problem::invalid_value(field, &problem))
    }

    /// As [`named_edit`](Self::named_edit); none if it is absent or null.
    pub(crate) fn named<T>(&mut self, field: &'static str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err = InvalidValue>,
    {
        Ok(match self.named_edit(field)? {
            Edit::Set(value) => Some(value),
            Edit::Keep | Edit::Clear => None,
        })
    }

    /// A list of texts, or null. `expected` says what else would have been right.
    pub(crate) fn texts(
        &mut self,
        field: &'static str,
        expected: &str,
    ) -> Result<Edit<Vec<String>>, Problem> {
        let items = match self.take(field) {
            None => return Ok(Edit::Keep),
            Some(Json::Null) => return Ok(Edit::Clear),
            Some(Json::List(items)) => items,
            Some(_) => return Err(Problem::invalid_field(field, expected)),
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Json::Text(text) => texts.push(text),
                _ => {
                    let path = format!("{field}.{index}");
                    return Err(Problem::invalid_field(path, "must be a string"));
                }
            }
        }
        Ok(Edit::Set(texts))
    }

    /// A list of actions, or null. `foreign` gets the places of those that `catalogue` does not have.
    pub(crate) fn actions(
        &mut self,
        field: &'static str,
        catalogue: &ActionCatalogue,
        foreign: &mut Vec<usize>,
    ) -> Result<Edit<ActionList>, Problem> {
        let texts = match self.texts(field, "must be a list of actions or null")? {
            Edit::Keep => return Ok(Edit::Keep),
            Edit::Clear => return Ok(Edit::Clear),
            Edit::Set(texts) => texts,
        };
        let (list, places) = ActionList::propose(texts, catalogue).map_err(|error| {
            let path = match error.index {
                Some(index) => format!("{field}.{index}"),
                None => field.to_owned(),
            };
            Problem::invalid_value(path, &error.problem)
        })?;
        *foreign = places;
        Ok(Edit::Set(list))
    }

    /// Custom headers, or null.
    pub(crate) fn headers(&mut self, field: &'static str) -> Result<Edit<CustomHeadersUpdate>, Problem> {
        let pairs = match self.take(field) {
            None => return Ok(Edit::Keep),
            Some(Json::Null) => return Ok(Edit::Clear),
            Some(Json::Object(pairs)) => pairs,
            Some(_) => {
                let expected = "must be an object of names and values, or null";
                return Err(Problem::invalid_field(field, expected));
            }
        };
        let mut given = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let value = match value {
                Json::Null => None,
                Json::Text(text) => Some(SecretText::new(text)),
                _ => return Err(Problem::invalid_entry(field, &name, "must be a string or null")),
            };
            given.push((name, value));
        }
        let parsed = CustomHeadersUpdate::parse(given);
        parsed.map(Edit::Set).map_err(|error| match &error.name {
            Some(name) => Problem::invalid_entry(field, name, &error.problem.0),
            None => Problem::invalid_value(field, &error.problem),
        })
    }

    /// A whole number that `parse` accepts; none if it is absent or null. Of anything else `invalid` is said.
    pub(crate) fn whole<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(u64) -> Result<T, InvalidValue>,
        invalid: InvalidValue,
    ) -> Result<Option<T>, Problem> {
        let parsed = match self.take(field) {
            None | Some(Json::Null) => return Ok(None),
            Some(Json::Integer(number)) => parse(number),
            Some(_) => Err(invalid),
        };
        parsed
            .map(Some)
            .map_err(|problem| Problem::invalid_value(field, &problem))
    }
    /// As [`whole`](Self::whole); null clears.
    pub(crate) fn whole_edit<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(u64) -> Result<T, InvalidValue>,
        invalid: InvalidValue,
    ) -> Result<Edit<T>, Problem> {
        let is_there = self.has(field);
        let value = self.whole(field, parse, invalid)?;
        Ok(edit(is_there, value))
    }
}

/// What a field does that is there or absent, and has a value or is null.
fn edit<T>(is_there: bool, value: Option<T>) -> Edit<T> {
    match value {
        Some(value) => Edit::Set(value),
        None if is_there => Edit::Clear,
        None => Edit::Keep,
    }
}
