//! Conditions of a list and fields of a form, as somebody wrote them: read into the domain's types, or what is wrong with them.

use webhook_domain::InvalidValue;
use webhook_domain::time::Instant;

/// What is wrong with a field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) problem: String,
}

impl Wrong {
    pub(crate) fn new(field: &'static str, problem: impl ToString) -> Self {
        Self {
            field,
            problem: problem.to_string(),
        }
    }

    /// What is wrong with `field`, if that is the one.
    pub(crate) fn with<'a>(wrong: Option<&'a Self>, field: &str) -> Option<&'a str> {
        let wrong = wrong.filter(|wrong| wrong.field == field);
        wrong.map(|wrong| wrong.problem.as_str())
    }
}

/// What stands in a field; none if it is empty.
pub(crate) fn read<T>(
    field: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
) -> Result<Option<T>, Wrong> {
    match text.trim() {
        "" => Ok(None),
        text => parse(text)
            .map(Some)
            .map_err(|problem| Wrong::new(field, problem)),
    }
}

/// An instant in UTC: as the API writes it, or as a browser's field for a date and a time does, without seconds or a zone.
pub(crate) fn instant(text: &str) -> Result<Instant, InvalidValue> {
    let text = text.trim_end_matches('Z');
    let seconds = if text.len() == "2024-04-12T15:22".len() {
        ":00"
    } else {
        ""
    };
    format!("{text}{seconds}Z").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_the_api_and_as_browsers_write_it() {
        for text in ["2024-04-12T15:22:00Z", "2024-04-12T15:22", "2024-04-12T15:22:00"] {
            assert_eq!(instant(text).unwrap().to_string(), "2024-04-12T15:22:00Z");
        }
        for wrong in ["", "2024-04-12", "15:22", "2024-04-12 15:22", "tomorrow"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_empty_field_is_no_condition_and_a_wrong_one_is_named() {
        assert_eq!(read("after", " ", instant), Ok(None));
        let wrong = read("after", "tomorrow", instant).unwrap_err();
        assert_eq!(Wrong::with(Some(&wrong), "after"), Some(wrong.problem.as_str()));
        assert_eq!(Wrong::with(Some(&wrong), "before"), None);
    }
}
