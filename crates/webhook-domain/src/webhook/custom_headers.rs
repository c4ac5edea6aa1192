//! Headers of a client's own, which go with every delivery of a webhook.
//!
//! A receiver may need more than a signature to let a delivery in: a gateway's key, a tenant, a route. Names are shown, values are
//! secrets and are not. An update replaces the whole set; in it, a name without a value keeps the value that is stored, so that what
//! was shown can be sent back.
//!
//! What goes together is judged on the result of an update ([`CustomHeaders::check_beside`]): no header may take the place of the one
//! by which the service proves itself.

use std::borrow::Cow;

use super::header_names::{AUTHORIZATION, is_in_tokens, is_reserved, is_same, is_senders_own};
use super::{ApiHeaderField, Authentication, AuthenticationType};
use crate::error::{InvalidValue, Refusal};
use crate::signing::secret::SecretText;

/// The field of a webhook.
const FIELD: &str = "custom_headers";

/// The name of a custom header, as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomHeaderName(String);

impl CustomHeaderName {
    /// The most characters of a name.
    pub const MAX_LENGTH: usize = 64;
    /// What a name is, as a regular expression (ECMA-262), without what is not allowed: for documents.
    pub const REGEX: &'static str = "^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$";

    /// Accepts a token (RFC 9110 §5.6.2) of at most [`MAX_LENGTH`](Self::MAX_LENGTH) characters that is not the name of a header that
    /// the sender, HTTP, a proxy or tracing sets.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(name: String) -> Result<Self, InvalidValue> {
        let is_token = (1..=Self::MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_in_tokens);
        if !is_token {
            return Err(InvalidValue::new(
                "must have a name of 1 to 64 letters, digits or characters of !#$%&'*+-.^_`|~ (a token of RFC 9110)",
            ));
        }
        if is_senders_own(&name) {
            return Err(InvalidValue::new(
                "must not be a header that the sender or HTTP itself sets; choose another name, such as X-Tenant",
            ));
        }
        if is_reserved(&name) {
            return Err(InvalidValue::new(
                "must not be a reserved header (cookie, forwarded, http2-settings, traceparent, tracestate, x-real-ip, and all \
                 that begin with proxy-, webhook-, x-forwarded- or x-payload-); choose another name, such as X-Tenant",
            ));
        }
        Ok(Self(name))
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(name: String) -> Self {
        Self(name)
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of a custom header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomHeaderValue(SecretText);

impl CustomHeaderValue {
    /// The most characters of a value.
    pub const MAX_LENGTH: usize = 1024;
    /// What a value is, as a regular expression (ECMA-262): for documents.
    pub const REGEX: &'static str = "^[!-~]([ -~]*[!-~])?$";

    /// Accepts 1 to [`MAX_LENGTH`](Self::MAX_LENGTH) visible characters of ASCII, with spaces between them.
    ///
    /// # Errors
    /// Says what would be right, without repeating the value.
    pub fn parse(value: SecretText) -> Result<Self, InvalidValue> {
        let bytes = value.expose().as_bytes();
        let is_visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
        let is_right = bytes.len() <= Self::MAX_LENGTH
            && is_visible(bytes.first())
            && is_visible(bytes.last())
            && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if is_right {
            Ok(Self(value))
        } else {
            Err(InvalidValue::new(
                "must be 1 to 1024 visible characters of ASCII, with spaces only between them",
            ))
        }
    }

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(value: SecretText) -> Self {
        Self(value)
    }

    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A header of a client's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomHeader {
    /// What it is called.
    pub name: CustomHeaderName,
    /// What it says.
    pub value: CustomHeaderValue,
}

/// A webhook's custom headers, in the order in which they were given, each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomHeaders(Vec<CustomHeader>);

impl CustomHeaders {
    /// The most headers that a webhook may have.
    pub const MAX_ITEMS: usize = 16;
    /// The most bytes of all names and values together.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// What a store kept: it was accepted once, whatever the rule is today.
    #[must_use]
    pub const fn restore(headers: Vec<CustomHeader>) -> Self {
        Self(headers)
    }

    /// The headers, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &CustomHeader> {
        self.0.iter()
    }

    /// The one that a receiver may take for one of this name.
    fn named(&self, name: &str) -> Option<&CustomHeader> {
        self.0.iter().find(|header| is_same(header.name.as_str(), name))
    }

    /// Refuses what would take the place of the header by which the service proves itself. `before` is what the webhook had.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] with the header, or with `api_header_field` if it is that which is new.
    pub(super) fn check_beside(
        &self,
        authentication: &Authentication,
        before: (Option<&Self>, &Authentication),
    ) -> Result<(), Refusal> {
        let api_header_field = authentication.credentials().api_header_field.as_ref();
        let taken = match authentication.kind() {
            AuthenticationType::None => return Ok(()),
            AuthenticationType::Password => AUTHORIZATION,
            AuthenticationType::ApiKey => api_header_field.map_or("", ApiHeaderField::as_str),
        };
        let Some(header) = self.named(taken) else {
            return Ok(());
        };
        if authentication.kind() == AuthenticationType::Password {
            let problem = "must not be there while authentication_type is PASSWORD, which sets this header; take it out, or set \
                           authentication_type to NONE or API_KEY";
            return Err(refused(header.name.as_str(), InvalidValue::new(problem)));
        }
        let (had, had_field) = (before.0, before.1.credentials().api_header_field.as_ref());
        if had.and_then(|had| had.named(taken)) == Some(header) && had_field != api_header_field {
            let problem =
                "must not name one of the webhook's custom_headers while authentication_type is API_KEY";
            return Err(Refusal::invalid("api_header_field", InvalidValue::new(problem)));
        }
        let problem =
            "must not be the header that api_header_field names while authentication_type is API_KEY";
        Err(refused(header.name.as_str(), InvalidValue::new(problem)))
    }
}

/// The set of custom headers that an update asks for. A name without a value keeps the value that is stored under it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomHeadersUpdate(Vec<(CustomHeaderName, Option<CustomHeaderValue>)>);

/// A set of custom headers that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomHeadersError {
    /// Which header, if it is one: its name as it was given. It may be a secret that was put into the wrong place.
    pub name: Option<String>,
    /// What would be right.
    pub problem: InvalidValue,
}

impl CustomHeadersUpdate {
    /// The set of these names and values, in this order.
    ///
    /// # Errors
    /// Says which header is wrong, and what would be right.
    pub fn parse(given: Vec<(String, Option<SecretText>)>) -> Result<Self, CustomHeadersError> {
        let of_all = |expected| CustomHeadersError {
            name: None,
            problem: InvalidValue::new(expected),
        };
        if given.len() > CustomHeaders::MAX_ITEMS {
            return Err(of_all("must have at most 16 names"));
        }
        let mut headers = Vec::with_capacity(given.len());
        for (name, value) in given {
            let of_this = |problem| CustomHeadersError {
                name: Some(name.clone()),
                problem,
            };
            let parsed = CustomHeaderName::parse(name.clone()).map_err(of_this)?;
            let is_the_same = |(other, _): &(CustomHeaderName, _)| is_same(other.as_str(), &name);
            if headers.iter().any(is_the_same) {
                return Err(of_this(InvalidValue::new(
                    "must not be there twice; names that differ in case, or in `_` and `-`, are the same",
                )));
            }
            let value = value.map(CustomHeaderValue::parse).transpose();
            headers.push((parsed, value.map_err(of_this)?));
        }
        let update = Self(headers);
        match update.bytes() > CustomHeaders::MAX_BYTES {
            true => Err(of_all(TOO_MUCH)),
            false => Ok(update),
        }
    }

    fn bytes(&self) -> usize {
        let length = |value: &CustomHeaderValue| value.expose().len();
        let headers = self.0.iter();
        headers
            .map(|(name, value)| name.as_str().len() + value.as_ref().map_or(0, length))
            .sum()
    }

    /// The headers after the update of a webhook that has `stored`.
    ///
    /// # Errors
    /// [`Refusal::InvalidField`] with a name that has no value here or there, or when all of them are too much.
    pub(super) fn apply(&self, stored: Option<&CustomHeaders>) -> Result<CustomHeaders, Refusal> {
        let mut bytes = 0;
        let mut headers = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            let kept = || stored.and_then(|stored| stored.named(name.as_str()));
            let value = value.as_ref().or_else(|| kept().map(|header| &header.value));
            let Some(value) = value else {
                let problem = "must have a value: null keeps the value that is stored, and none is stored under this name";
                return Err(refused(name.as_str(), InvalidValue::new(problem)));
            };
            bytes += name.as_str().len() + value.expose().len();
            headers.push(CustomHeader {
                name: name.clone(),
                value: value.clone(),
            });
        }
        match bytes > CustomHeaders::MAX_BYTES {
            true => Err(Refusal::invalid(FIELD, InvalidValue::new(TOO_MUCH))),
            false => Ok(CustomHeaders(headers)),
        }
    }
}

const TOO_MUCH: &str = "must have at most 8192 bytes of names and values in all";

fn refused(name: &str, problem: InvalidValue) -> Refusal {
    let field: Cow<'static, str> = format!("{FIELD}.{name}").into();
    Refusal::InvalidField { field, problem }
}

#[cfg(test)]
mod tests;
