//! The actions there are: those that ship, or those of the operator's file.
//!
//! The file has one action a line; blank lines and what follows a `#` do not count. What the service publishes itself is
//! there in any case.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use webhook_domain::webhook::{Action, ActionCatalogue};

use crate::exit::{Failure, chain};

/// The longest file: 10,000 actions of the longest kind, and some remarks.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// The most actions.
const MAX_ACTIONS: usize = 10_000;

/// The catalogue in `file`, or else the one that ships.
pub(crate) fn catalogue(file: Option<&Path>) -> Result<ActionCatalogue, Failure> {
    let Some(file) = file else {
        return Ok(ActionCatalogue::default());
    };
    let wrong = |problem: String| {
        let path = file.display();
        Failure::configuration(format!(
            "WEBHOOK_ACTIONS_FILE: the catalogue of actions {path} {problem}"
        ))
    };
    let text = read(file).map_err(|error| wrong(format!("cannot be read: {}", chain(&error))))?;
    parse(&text).map_err(wrong)
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("it has more than 2 MiB"));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<ActionCatalogue, String> {
    let mut actions = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let name = line.split('#').next().unwrap_or_default().trim();
        if name.is_empty() {
            continue;
        }
        let action = Action::parse(name.to_owned())
            .map_err(|problem| format!("is wrong in line {number}, which {problem}"))?;
        if action.is_of_service() && !Action::OF_SERVICE.contains(&action.as_str()) {
            return Err(format!(
                "names in line {number} what only the service itself can tell of"
            ));
        }
        if !actions.insert(action) {
            return Err(format!("has the action of line {number} twice"));
        }
    }
    if actions.is_empty() || actions.len() > MAX_ACTIONS {
        return Err(format!("must have 1 to {MAX_ACTIONS} actions, one a line"));
    }
    let own = Action::OF_SERVICE
        .into_iter()
        .filter_map(|name| Action::parse(name.to_owned()).ok());
    Ok(ActionCatalogue::new(actions.into_iter().chain(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_action_a_line_and_remarks() {
        let catalogue = parse("# ours\nORDER.SHIPPED\n\n  ORDER.LOST  # alas\n").unwrap();
        let names: Vec<_> = catalogue.iter().map(Action::as_str).collect();
        let (theirs, own) = names.split_at(2);
        assert_eq!(theirs, ["ORDER.LOST", "ORDER.SHIPPED"]);
        let mut expected = Action::OF_SERVICE;
        expected.sort_unstable();
        assert_eq!(own, expected);
    }

    #[test]
    fn a_wrong_line_is_refused_by_its_number() {
        for (text, expected) in [
            ("A.B\norder shipped\n", "is wrong in line 2, which must be"),
            ("A.B\n\nA.B\n", "has the action of line 3 twice"),
            ("# nothing\n", "must have 1 to 10000 actions"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
        }
        let many: String = (0..10_001).map(|n| format!("A.B{n}\n")).collect();
        assert!(parse(&many).is_err());
    }
}
