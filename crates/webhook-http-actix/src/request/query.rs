//! The query of a request: its parameters, each known and each once, as what they must be.

use std::str::FromStr;

use actix_web::{HttpRequest, web};
use webhook_domain::InvalidValue;
use webhook_domain::signing::key_ring::Overlap;

use crate::errors::Problem;

/// The one parameter of requests that roll or remove a secret.
pub(crate) const PREVIOUS_SECRET_EXPIRES_IN: &str = "previous_secret_expires_in";

/// The other one of requests that roll a secret.
pub(crate) const KEEP_PREVIOUS_UNTIL_ADOPTED: &str = "keep_previous_until_adopted";

/// The parameters of a request.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of `request`, if each is one of the `known` ones and there once at most.
    pub(crate) fn of(request: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        let pairs = pairs(request.query_string())?;
        for (place, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let expected = "is not a parameter of this request; leave it out";
                return Err(Problem::invalid_name(name, expected));
            }
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                let expected = "must be in the query at most once";
                return Err(Problem::invalid_field(name.clone(), expected));
            }
        }
        Ok(Self(pairs))
    }

    /// The parameter of that name as what `parse` makes of it; none if it is not there.
    pub(crate) fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Result<Option<T>, Problem> {
        let Some((_, text)) = self.0.iter().find(|(other, _)| other == name) else {
            return Ok(None);
        };
        parse(text)
            .map(Some)
            .map_err(|problem| Problem::invalid_value(name, &problem))
    }
}

/// Refuses any parameter.
pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
    Parameters::of(request, &[]).map(|_| ())
}

/// The overlap that the query asks for, if it does; any other parameter is refused.
pub(crate) fn overlap(request: &HttpRequest) -> Result<Option<Overlap>, Problem> {
    overlap_of(&Parameters::of(request, &[PREVIOUS_SECRET_EXPIRES_IN])?)
}

/// The overlap that the query asks for, if it does, and whether the previous secret is kept until the new one is adopted, if it says so.
pub(crate) fn retirement(request: &HttpRequest) -> Result<(Option<Overlap>, Option<bool>), Problem> {
    let known = [PREVIOUS_SECRET_EXPIRES_IN, KEEP_PREVIOUS_UNTIL_ADOPTED];
    let parameters = Parameters::of(request, &known)?;
    let keeps_previous = parameters.parsed(KEEP_PREVIOUS_UNTIL_ADOPTED, truth)?;
    Ok((overlap_of(&parameters)?, keeps_previous))
}

/// True or false.
pub(crate) fn truth(text: &str) -> Result<bool, InvalidValue> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(InvalidValue::new("must be true or false")),
    }
}

fn overlap_of(parameters: &Parameters) -> Result<Option<Overlap>, Problem> {
    parameters.parsed(PREVIOUS_SECRET_EXPIRES_IN, |text| {
        let seconds = whole(text).ok_or(Overlap::invalid())?;
        Overlap::from_seconds(seconds)
    })
}

/// A number that is written in digits alone.
pub(crate) fn whole<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    if query.is_empty() {
        return Ok(Vec::new());
    }
    web::Query::from_query(query)
        .map(web::Query::into_inner)
        .map_err(|_| Problem::bad_request("the query must be parameters joined by `&`"))
}
