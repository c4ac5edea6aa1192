//! Settings looked at to say all that is wrong with them, where a start would stop at the first.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use super::layers::Layer;
use super::{Read, Setting, Settings, Sources, Warning, nearest};
use crate::exit::Failure;

/// What the sources say, and what is wrong with it.
pub(crate) struct Examined {
    /// The settings, with the default in the place of each that is wrong.
    pub(crate) settings: Settings,
    /// What is to be logged, if anybody has said so.
    pub(crate) log_filter: Option<EnvFilter>,
    /// The settings file that was read.
    pub(crate) file: Option<PathBuf>,
    /// How many settings somebody has set.
    pub(crate) given: usize,
    /// Those that are wrong.
    pub(crate) wrong: BTreeSet<Setting>,
    /// What is wrong with them, and with other keys of the file, each as a start would say it.
    pub(crate) problems: Vec<String>,
    /// What a start would warn of: what it is, and what to do.
    pub(crate) warnings: Vec<(String, String)>,
}

impl Examined {
    /// Examines what `sources` say.
    ///
    /// # Errors
    /// When one of them cannot be read at all.
    pub(crate) fn of<Variables>(sources: Sources<Variables>) -> Result<Self, Failure>
    where
        Variables: IntoIterator<Item = (OsString, OsString)>,
    {
        let mut read = Read::from(sources)?;
        let is_set = |setting: &Setting| !matches!(read.given.place(*setting).layer, Layer::Default);
        let given = Setting::ALL.iter().filter(|setting| is_set(setting)).count();
        let is_log_set = is_set(&Setting::Log);
        let mut wrong: BTreeSet<Setting> = read
            .problems
            .iter()
            .filter_map(|problem| problem.setting)
            .collect();
        let mut problems: Vec<String> = read.problems.drain(..).map(|problem| problem.text).collect();
        let (settings, log_filter) = loop {
            match Settings::of(&read.given) {
                Ok(settings) => break settings,
                // Each turn puts defaults, which are right, in the place of what is wrong.
                Err(found) if found.settings.iter().any(|setting| !wrong.contains(setting)) => {
                    problems.push(found.failure.message().to_owned());
                    read.given.forget(&found.settings);
                    wrong.extend(found.settings);
                }
                Err(found) => return Err(found.failure),
            }
        };
        Ok(Self {
            settings,
            log_filter: is_log_set.then_some(log_filter),
            file: read.file,
            given,
            wrong,
            problems,
            warnings: read.warnings.iter().map(told).collect(),
        })
    }
}

fn told(warning: &Warning) -> (String, String) {
    match warning {
        Warning::UnknownVariable(variable) => {
            let names = Setting::ALL.map(Setting::variable);
            let meant = nearest::instead_of(variable, &names);
            (
                format!("the variable {variable} is no setting{meant}"),
                "correct its name, or remove it".to_owned(),
            )
        }
        Warning::OpenFile { path, mode, holds } => (
            format!(
                "the settings file {} holds {holds} and is open to others than its owner (mode {mode:o})",
                path.display()
            ),
            format!("chmod 600 {}", path.display()),
        ),
    }
}
