//! A body as JSON, read so that nothing a client wrote is lost: a name that stands in an object twice is found.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use webhook_domain::delivery::event::JsonText;

use crate::errors::Problem;

/// A JSON value with every pair of every object, in the order given.
#[derive(Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number that is whole, not negative, and written like it.
    Integer(u64),
    OtherNumber,
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// The pairs of an object.
pub(crate) type Object = Vec<(String, Json)>;

/// Objects of up to this many names are searched by looking at each pair.
const SMALL: usize = 16;
/// How deep a body may be: as deep as the data of an event.
const MAX_DEPTH: usize = JsonText::MAX_DEPTH;

/// Reads a body that must be one object in which no name stands twice, however deep.
pub(crate) fn parse_object(body: &[u8]) -> Result<Object, Problem> {
    let json: Json = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::bad_request(format!(
            "the body must be a JSON object (RFC 8259) in UTF-8, at most {MAX_DEPTH} levels deep; see line {line}, column {column}"
        ))
    })?;
    // The parser goes deeper, to 128 levels; then it stops by itself.
    if depth(&json) > MAX_DEPTH {
        return Err(Problem::bad_request(format!(
            "the body must be at most {MAX_DEPTH} levels deep"
        )));
    }
    if let Some(path) = duplicate(&json) {
        return Err(Problem::invalid_name(&path, "must not be in its object twice"));
    }
    match json {
        Json::Object(pairs) => Ok(pairs),
        _ => Err(Problem::bad_request("the body must be a JSON object")),
    }
}

/// How many lists and objects stand in one another.
fn depth(json: &Json) -> usize {
    let deepest = match json {
        Json::Object(pairs) => pairs.iter().map(|(_, value)| depth(value)).max(),
        Json::List(items) => items.iter().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

/// The path of the first name that stands in its object twice.
fn duplicate(json: &Json) -> Option<String> {
    match json {
        Json::Object(pairs) => repeated_name(pairs)
            .map(str::to_owned)
            .or_else(|| within(pairs.iter().map(|(name, value)| (name, value)))),
        Json::List(items) => within(items.iter().enumerate()),
        _ => None,
    }
}

fn within<'a>(mut parts: impl Iterator<Item = (impl fmt::Display, &'a Json)>) -> Option<String> {
    parts.find_map(|(step, part)| duplicate(part).map(|path| format!("{step}.{path}")))
}

fn repeated_name(pairs: &[(String, Json)]) -> Option<&str> {
    let names = pairs.iter().map(|(name, _)| name.as_str());
    if pairs.len() <= SMALL {
        let repeated = |(place, name): &(usize, &str)| pairs[..*place].iter().any(|(other, _)| other == name);
        return names.enumerate().find(repeated).map(|(_, name)| name);
    }
    let mut seen = HashSet::with_capacity(pairs.len());
    names.into_iter().find(|name| !seen.insert(*name))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Json, A::Error> {
        let mut object = Object::new();
        while let Some(pair) = pairs.next_entry()? {
            object.push(pair);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &[u8]) -> Option<String> {
        parse_object(body).err().map(|problem| problem.to_string())
    }

    #[test]
    fn a_name_that_stands_twice_is_found_at_any_depth() {
        for (body, path) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"a":{"b":1,"c":2,"b":3}}"#, "a.b"),
            (r#"{"a":[0,{"b":1,"b":1}]}"#, "a.1.b"),
            (r#"{"a":1,"\u0061":1}"#, "a"),
        ] {
            let message = problem(body.as_bytes()).unwrap();
            assert_eq!(message, format!("{path} must not be in its object twice"));
        }
        let many: Vec<_> = (0..40).map(|n| format!("\"n{n}\":0")).collect();
        assert_eq!(problem(format!("{{{}}}", many.join(",")).as_bytes()), None);
        assert!(problem(format!("{{{},\"n3\":0}}", many.join(",")).as_bytes()).is_some());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"a\"",
            b"{",
            b"{} {}",
            b"{'a':1}",
            b"{\"a\":\"\xFF\"}",
            b"\xEF\xBB\xBF{}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":NaN}",
        ] {
            assert!(problem(body).is_some(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn depth_is_refused_without_a_crash() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{{\"a\":{}1{}}}", open.repeat(5_000), close.repeat(5_000));
            assert!(problem(deep.as_bytes()).is_some());
            // The object itself is a level.
            for (depth, is_refused) in [(63, false), (64, true), (120, true)] {
                let nested = format!("{{\"a\":{}1{}}}", open.repeat(depth), close.repeat(depth));
                assert_eq!(problem(nested.as_bytes()).is_some(), is_refused, "{depth}");
            }
        }
    }
}
