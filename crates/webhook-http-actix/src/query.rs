//! The query of a request: `previous_secret_expires_in`, where it is allowed, and nothing else.

use actix_web::{HttpRequest, web};
use webhook_domain::key_ring::Overlap;

use crate::errors::Problem;

/// The one parameter there is.
pub(crate) const PREVIOUS_SECRET_EXPIRES_IN: &str = "previous_secret_expires_in";

/// Refuses any parameter.
pub(crate) fn none(request: &HttpRequest) -> Result<(), Problem> {
    match parameters(request)?.into_iter().next() {
        None => Ok(()),
        Some((name, _)) => Err(unknown(name)),
    }
}

/// The overlap that the query asks for, if it does; any other parameter is refused.
pub(crate) fn overlap(request: &HttpRequest) -> Result<Option<Overlap>, Problem> {
    let mut overlap = None;
    for (name, value) in parameters(request)? {
        if name != PREVIOUS_SECRET_EXPIRES_IN {
            return Err(unknown(name));
        }
        if overlap.is_some() {
            return Err(Problem::invalid_field(name, "must be in the query once at most"));
        }
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        let seconds = value.parse().ok().filter(|_| digits);
        let parsed = seconds.ok_or(Overlap::invalid()).and_then(Overlap::from_seconds);
        overlap =
            Some(parsed.map_err(|problem| Problem::invalid_value(PREVIOUS_SECRET_EXPIRES_IN, &problem))?);
    }
    Ok(overlap)
}

fn unknown(name: String) -> Problem {
    Problem::invalid_field(name, "is not a parameter of this request; leave it out")
}

fn parameters(request: &HttpRequest) -> Result<Vec<(String, String)>, Problem> {
    let query = request.query_string();
    if query.is_empty() {
        return Ok(Vec::new());
    }
    web::Query::<Vec<(String, String)>>::from_query(query)
        .map(web::Query::into_inner)
        .map_err(|_| Problem::bad_request("the query must be parameters joined by `&`"))
}
