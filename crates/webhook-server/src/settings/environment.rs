//! Settings from the environment: `WEBHOOK_` and the setting's name in capitals.

use std::ffi::OsString;

use super::setting::Setting;
use crate::exit::Failure;

const PREFIX: &str = "WEBHOOK_";

/// What the environment says.
#[derive(Default)]
pub(super) struct FromEnvironment {
    pub(super) values: Vec<(Setting, String)>,
    /// Variables that look like settings and are none: perhaps misspelt, perhaps somebody else's.
    pub(super) unknown: Vec<String>,
}

/// Picks the settings out of `variables`.
pub(super) fn read(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<FromEnvironment, Failure> {
    let mut found = FromEnvironment::default();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        match Setting::ALL
            .into_iter()
            .find(|setting| setting.variable() == name)
        {
            Some(setting) => {
                let text = value.into_string().map_err(|_| {
                    Failure::configuration(format!("{name} (environment) must be text in UTF-8"))
                })?;
                found.values.push((setting, text));
            }
            None if is_for_tests(name) => {}
            None => found.unknown.push(name.to_owned()),
        }
    }
    found.unknown.sort();
    Ok(found)
}

/// What the project's own tests are steered by, and which a server they start inherits.
fn is_for_tests(name: &str) -> bool {
    name.starts_with("WEBHOOK_TEST_") || name == "WEBHOOK_SERVER_BIN"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pairs(pairs: &[(&str, &str)]) -> FromEnvironment {
        read(pairs.iter().map(|(name, value)| (name.into(), value.into()))).unwrap()
    }

    #[test]
    fn a_variable_is_named_like_its_setting() {
        let found = read_pairs(&[("WEBHOOK_PREVIOUS_SECRET_TTL", "5"), ("PATH", "/bin")]);
        assert_eq!(found.values, [(Setting::PreviousSecretTtl, "5".to_owned())]);
        assert!(found.unknown.is_empty());
    }

    #[test]
    fn a_misspelt_variable_is_noticed_and_those_of_the_tests_are_not() {
        let found = read_pairs(&[
            ("WEBHOOK_LISTN", "x"),
            ("WEBHOOK_TEST_DATABASE_URL", "x"),
            ("WEBHOOK_SERVER_BIN", "x"),
        ]);
        assert!(found.values.is_empty());
        assert_eq!(found.unknown, ["WEBHOOK_LISTN"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_refused_by_its_name() {
        use std::os::unix::ffi::OsStringExt;
        let pair = ("WEBHOOK_LISTEN".into(), OsString::from_vec(vec![0xFF]));
        let failure = read([pair]).err().unwrap();
        assert_eq!(failure.status(), 2);
        assert!(failure.message().contains("WEBHOOK_LISTEN"));
    }
}
