//! `ETag` and `If-Match` (RFC 9110 §§8.8.3, 13.1.1): a webhook's entity tag is its version in quotes.

use actix_web::HttpRequest;
use actix_web::http::header;
use webhook_domain::webhook::{Precondition, Version};

use crate::errors::Problem;

/// The entity tag of a webhook at `version`.
pub(crate) fn of(version: Version) -> String {
    format!("\"{}\"", version.0)
}

/// The condition that `If-Match` puts on a change.
pub(crate) fn precondition(request: &HttpRequest) -> Result<Precondition, Problem> {
    let mut sent = request.headers().get_all(header::IF_MATCH).peekable();
    if sent.peek().is_none() {
        return Ok(Precondition::Exists);
    }
    let values: Option<Vec<&str>> = sent.map(|value| value.to_str().ok()).collect();
    let sent = values.as_ref().and_then(|values| Some((parse(values)?, values)));
    match sent {
        Some((Precondition::VersionIn(versions), values)) if versions.is_empty() && has_weak_tag(values) => {
            Err(Problem::weak_entity_tag())
        }
        Some((precondition, _)) => Ok(precondition),
        None => Err(Problem::invalid_field(
            "If-Match",
            "must be `*`, or entity tags in quotes joined by commas, such as \"3\"",
        )),
    }
}

/// Whether a tag is weak in a list that was parsed. This service makes strong ones alone.
fn has_weak_tag(values: &[&str]) -> bool {
    let items = values.iter().flat_map(|value| value.split(','));
    items.map(str::trim_start).any(|item| item.starts_with("W/\""))
}

/// Whether `If-None-Match` names this entity tag, weak or strong (RFC 9110 §13.1.2). What is no list of tags names none.
pub(crate) fn is_among_known(request: &HttpRequest, tag: &str) -> bool {
    let values = request.headers().get_all(header::IF_NONE_MATCH);
    let mut named = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    named.any(|named| {
        let named = named.trim();
        named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag
    })
}

/// None for what is neither `*` nor a list of entity tags. The lists of several headers are one.
fn parse(values: &[&str]) -> Option<Precondition> {
    if let [only] = values
        && only.trim() == "*"
    {
        return Some(Precondition::Exists);
    }
    let mut versions = Vec::new();
    let mut tags = 0_usize;
    for value in values {
        let mut rest = value.trim_start_matches([' ', '\t', ',']);
        while !rest.is_empty() {
            let (tag, after) = next_tag(rest)?;
            tags += 1;
            versions.extend(tag.and_then(version));
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() {
                rest = rest.strip_prefix(',')?.trim_start_matches([' ', '\t', ',']);
            }
        }
    }
    (tags > 0).then_some(Precondition::VersionIn(versions))
}

/// The opaque part of the tag that `text` begins with, and what follows. A weak tag has none: it never matches.
fn next_tag(text: &str) -> Option<(Option<&str>, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
    let well_formed = tag.bytes().all(|b| b == 0x21 || (0x23..=0x7E).contains(&b));
    well_formed.then_some((Some(tag).filter(|_| !weak), after))
}

/// The version that a tag of ours stands for; comparison is by text, so only our own spelling counts.
fn version(tag: &str) -> Option<Version> {
    let number: i64 = tag.parse().ok()?;
    (number.to_string() == tag).then_some(Version(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(values: &[&str]) -> Option<Vec<i64>> {
        match parse(values)? {
            Precondition::VersionIn(versions) => Some(versions.into_iter().map(|v| v.0).collect()),
            Precondition::Exists => Some(vec![-1]),
        }
    }

    #[test]
    fn if_match_is_a_star_or_a_list_of_tags() {
        assert_eq!(versions(&["*"]), Some(vec![-1]));
        assert_eq!(versions(&["\"3\""]), Some(vec![3]));
        assert_eq!(versions(&["\"3\" , \"4\",,\"x,y\""]), Some(vec![3, 4]));
        assert_eq!(versions(&["\"3\"", "\"4\""]), Some(vec![3, 4]));
    }

    #[test]
    fn a_weak_or_foreign_tag_matches_nothing() {
        for tag in ["W/\"3\"", "\"03\"", "\"+3\"", "\"abc\"", "\"\""] {
            assert_eq!(versions(&[tag]), Some(vec![]), "{tag}");
        }
    }

    #[test]
    fn anything_else_is_no_condition_at_all() {
        for garbage in [
            "",
            ",",
            "3",
            "\"3",
            "\"3\" \"4\"",
            "*, \"3\"",
            "w/\"3\"",
            "\"a b\"",
        ] {
            assert_eq!(versions(&[garbage]), None, "{garbage}");
        }
        assert_eq!(versions(&["*", "*"]), None);
    }
}
