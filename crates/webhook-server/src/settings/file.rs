//! The settings file, TOML: one key per setting, named like the environment variables without `WEBHOOK_` and
//! in lower case.
//!
//! Errors give a line and never the text of it, which may be the master key.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::setting::{Kind, Setting};
use super::{Warning, nearest};
use crate::exit::Failure;
use crate::files::private_file::open_to_others;

/// The file that is read when none is named, if it is there.
const DEFAULT_NAME: &str = "webhook.toml";

/// What a settings file says, and which file it was.
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    pub(super) values: Vec<(Setting, String)>,
    /// What is wrong in it, key by key.
    pub(super) problems: Vec<Problem>,
    /// Its mode, if that is open to others.
    mode: Option<u32>,
}

/// Something that is wrong in a settings file.
#[derive(Debug)]
pub(super) struct Problem {
    /// The setting that it is about, if there is such a setting.
    pub(super) setting: Option<Setting>,
    /// What is wrong, with the name of the file.
    pub(super) text: String,
}

impl SettingsFile {
    /// What to say when it holds a secret that others may read.
    pub(super) fn open_to_others(&self) -> Option<Warning> {
        let mode = self.mode?;
        let holds = self.values.iter().find_map(|(setting, text)| match setting {
            Setting::MasterKey => Some("the master key"),
            Setting::DatabaseUrl | Setting::EgressProxy if has_password(text) => Some("a password"),
            _ => None,
        })?;
        Some(Warning::OpenFile {
            path: self.path.clone(),
            mode,
            holds,
        })
    }
}

/// Whether a URL has a password in it, in front of the host or among the parameters.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let in_front = rest
        .split_once('@')
        .is_some_and(|(user, _)| user.contains(':') && !user.contains('/'));
    in_front || rest.contains("password=")
}

/// Reads the file `named`, which must be there, or else `webhook.toml` in `directory`, which need not.
pub(super) fn read(named: Option<&Path>, directory: &Path) -> Result<Option<SettingsFile>, Failure> {
    let path = named.map_or_else(|| directory.join(DEFAULT_NAME), Path::to_owned);
    let (text, mode) = match read_text(&path) {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(None),
        Err(error) => {
            return Err(Failure::configuration(format!(
                "the settings file {} cannot be read: {error}",
                path.display()
            )));
        }
    };
    let in_file = |problem: String| format!("the settings file {}: {problem}", path.display());
    let (values, problems) = parse(&text).map_err(|problem| Failure::configuration(in_file(problem)))?;
    let problems = problems.into_iter().map(|(setting, problem)| Problem {
        setting,
        text: in_file(problem),
    });
    let problems = problems.collect();
    Ok(Some(SettingsFile {
        path,
        values,
        problems,
        mode,
    }))
}

/// The text of the file, and the mode of that file and no other, if it is open to others.
fn read_text(path: &Path) -> io::Result<(String, Option<u32>)> {
    let mut file = File::open(path)?;
    let mode = open_to_others(&file.metadata()?);
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((text, mode))
}

/// The settings in a text, and what is wrong with the other keys in it. An error says that it is no TOML.
fn parse(text: &str) -> Result<Parsed, String> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        match error.message().contains("duplicate key") {
            true => format!("line {line} sets what is set above it already; each setting may be there once"),
            false => format!("line {line} is not TOML; settings look like `listen = \"127.0.0.1:8080\"`"),
        }
    })?;
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for (key, value) in table {
        match setting_of(&key, value) {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    Ok((values, problems))
}

type Parsed = (Vec<(Setting, String)>, Vec<(Option<Setting>, String)>);

fn setting_of(key: &str, value: Value) -> Result<(Setting, String), (Option<Setting>, String)> {
    let setting = Setting::ALL
        .into_iter()
        .find(|setting| setting.key() == key)
        .ok_or_else(|| {
            let known = nearest::instead_of(key, &Setting::ALL.map(Setting::key));
            (None, format!("there is no setting `{key}`{known}"))
        })?;
    let text = match (setting.kind(), value) {
        (Kind::Text, Value::String(text)) => Ok(text),
        (Kind::Text, _) => Err("a text in quotation marks"),
        (Kind::Boolean, Value::Boolean(value)) => Ok(value.to_string()),
        (Kind::Boolean, _) => Err("true or false"),
        (Kind::Integer, Value::Integer(value)) => Ok(value.to_string()),
        (Kind::Integer, _) => Err("a whole number"),
        (Kind::ListOfTexts, Value::Array(items)) => list_of_texts(items),
        (Kind::ListOfTexts, _) => Err(A_LIST_OF_TEXTS),
    };
    text.map(|text| (setting, text))
        .map_err(|expected| (Some(setting), format!("{key} must be {expected}")))
}

const A_LIST_OF_TEXTS: &str = "a list of texts, such as [\"10.0.0.0/8\"]";

fn list_of_texts(items: Vec<Value>) -> Result<String, &'static str> {
    let text = |item| match item {
        Value::String(text) => Ok(text),
        _ => Err(A_LIST_OF_TEXTS),
    };
    let texts: Vec<String> = items.into_iter().map(text).collect::<Result<_, _>>()?;
    Ok(texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings in a text, or the first thing that is wrong with it.
    fn read_all(text: &str) -> Result<Vec<(Setting, String)>, String> {
        let (values, problems) = parse(text)?;
        match problems.into_iter().next() {
            Some((_, problem)) => Err(problem),
            None => Ok(values),
        }
    }

    #[test]
    fn every_setting_can_stand_in_the_file() {
        let values = read_all(
            "listen = \"0.0.0.0:1\"\nlisten_backlog = 64\nmetrics_listen = \"\"\nmetrics_on_api = true\ntrusted_proxies = [\"10.0.0.0/8\"]\nconsole = false\npublic_url = \"https://h\"\ndatabase_url = \"sqlite://x\"\nmaster_key = \"k\"\nmaster_key_file = \"f\"\n\
             environment = \"LIVE\"\nallow_http = true\nretry_speed = 1\nevent_retention = 30\nallowed_networks = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
             egress_proxy = \"socks5://h\"\nproxy_resolves = true\ndenied_networks = [\"10.1.0.0/16\"]\nattempt_timeout = 5\nreceivers_ca_file = \"f\"\n\
             client_certificate_file = \"f\"\nclient_key_file = \"f\"\n\
             previous_secret_ttl = 60\nsecret_rotation_days = 90\nrequests_per_second = 10\nfailed_authentications_per_second = 0\n\
             webhooks_per_platform = 0\napi_keys_per_platform = 0\npending_events_per_platform = 0\n\
             jwt_issuer = \"i\"\njwt_audience = \"a\"\njwt_keys_file = \"f\"\nactions_file = \"f\"\n\
             tls_certificate_file = \"f\"\ntls_key_file = \"f\"\nstop_timeout = 8\nwait_for_database = 0\nlog = \"debug\"\naccess_log = \"all\"\n",
        )
        .unwrap();
        assert_eq!(values.len(), Setting::ALL.len());
        assert!(values.contains(&(Setting::AllowHttp, "true".into())));
        assert!(values.contains(&(Setting::AllowedNetworks, "10.0.0.0/8,fd00::/8".into())));
        assert!(values.contains(&(Setting::PreviousSecretTtl, "60".into())));
    }

    #[test]
    fn the_example_has_every_setting_once_with_its_default() {
        let example = include_str!("../../../../docs/operating/webhook.toml");
        // What is no setting is a heading or a sentence, and begins with a capital letter or a line.
        let settings: Vec<_> = example
            .lines()
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()) && line.contains(" = "))
            .collect();
        let values = read_all(&settings.join("\n")).unwrap();
        for setting in Setting::ALL {
            let value = values.iter().find(|(named, _)| *named == setting);
            let (_, value) = value.unwrap_or_else(|| panic!("the example lacks {}", setting.key()));
            if let Some(default) = setting.default_text() {
                assert_eq!(value, default, "the default of {}", setting.key());
            }
        }
        assert_eq!(values.len(), Setting::ALL.len());
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        let problem = read_all("listn = \"hunter2\"").unwrap_err();
        assert!(
            problem.contains("`listn`") && problem.contains("did you mean listen?"),
            "{problem}"
        );
        assert!(!problem.contains("hunter2"));
    }

    #[test]
    fn a_setting_that_is_there_twice_is_refused_by_its_line() {
        let problem = read_all("log = \"info\"\nlisten = \"a\"\nlog = \"hunter2\"").unwrap_err();
        assert!(problem.starts_with("line 3 sets what is set above"), "{problem}");
        assert!(!problem.contains("hunter2"));
    }

    #[test]
    fn a_url_with_a_password_is_known() {
        for url in [
            "postgres://user:word@host/d",
            "postgres://host/d?password=word",
            "postgres://u@h/d?user=x&password=w",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "postgres://user@host:5432/d",
            "sqlite:///a:b@c/d",
            "postgres://host/d",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_by_its_key() {
        for (text, expected) in [
            ("listen = 8080", "listen must be a text in quotation marks"),
            ("allow_http = \"yes\"", "allow_http must be true or false"),
            (
                "previous_secret_ttl = 1.5",
                "previous_secret_ttl must be a whole number",
            ),
            (
                "allowed_networks = [1]",
                "allowed_networks must be a list of texts, such as [\"10.0.0.0/8\"]",
            ),
        ] {
            assert_eq!(read_all(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_is_not_toml_is_refused_by_its_line_without_the_text() {
        let problem = read_all("log = \"info\"\nmaster_key = hunter2\n").unwrap_err();
        assert!(problem.starts_with("line 2 is not TOML"), "{problem}");
        assert!(!problem.contains("hunter2"));
    }
}
