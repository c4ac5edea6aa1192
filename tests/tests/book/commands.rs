//! What the book says to type has subcommands, flags, settings and tests that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use webhook_tests::{Backend, Deployment, book};

/// What the binary says of itself: its help by subcommand.
struct Helps {
    place: Deployment,
    known: BTreeMap<String, String>,
}

impl Helps {
    fn of(&mut self, path: &[&str]) -> String {
        let key = path.join(" ");
        if let Some(help) = self.known.get(&key) {
            return help.clone();
        }
        let mut arguments = path.to_vec();
        arguments.push("--help");
        let help = self.place.run(&arguments).expect_success().to_owned();
        self.known.insert(key, help.clone());
        help
    }

    /// What is wrong with a command, if anything is.
    fn judge(&mut self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let mut path: Vec<&str> = Vec::new();
        for word in &words {
            let commands = subcommands(&self.of(&path));
            if commands.contains(*word) {
                path.push(word);
                continue;
            }
            // A flag of the whole may stand before the subcommand, with its value.
            let is_a_name = word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-');
            if path.is_empty() && !words[0].starts_with('-') && is_a_name && !word.starts_with('-') {
                return Some(format!("no subcommand `{word}`"));
            }
            if !path.is_empty() {
                if !commands.is_empty() {
                    return Some(format!("no subcommand `{word}` of `{}`", path.join(" ")));
                }
                break;
            }
        }
        let help = self.of(&path);
        let flags = words.iter().map(|word| word.trim_matches(['[', ']', '"']));
        flags
            .filter(|word| word.starts_with("--") && word.len() > 2)
            .map(|word| word.split('=').next().unwrap_or_default())
            .find(|flag| !help.split([' ', ',', '\n', '=']).any(|word| word == *flag))
            .map(|flag| format!("no flag `{flag}`"))
    }
}

fn subcommands(help: &str) -> BTreeSet<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| line.starts_with(' '))
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Every command of the service in the book, with its place: in blocks, and between backticks.
fn commands() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in book::pages() {
        let (prose, blocks) = book::read(&page);
        for (line, text) in prose {
            let spans = text.split('`').skip(1).step_by(2);
            let spans = spans.filter(|span| span.starts_with("webhook-server "));
            found.extend(spans.map(|span| (format!("{page}:{line}"), span.to_owned())));
        }
        for block in blocks {
            let place = format!("{page}:{}", block.line);
            let joined = block.text.replace("\\\n", " ");
            for line in joined.lines() {
                let line = line.split(" #").next().unwrap_or_default();
                if let Some((_, rest)) = line.split_once("webhook-server ")
                    && !line.starts_with("# ")
                    && !line.starts_with("install ")
                    && !line.contains("cargo ")
                {
                    found.push((place.clone(), format!("webhook-server {rest}")));
                }
            }
        }
    }
    // What a command is piped into, and what it stands in.
    for (_, command) in &mut found {
        let end = [" | ", " >", ")", "'", ";"]
            .iter()
            .filter_map(|end| command.find(end))
            .min();
        command.truncate(end.unwrap_or(command.len()));
    }
    found
}

#[test]
fn every_command_has_subcommands_and_flags_that_there_are() {
    let place = Deployment::new(Backend::Sqlite);
    let mut helps = Helps {
        place,
        known: BTreeMap::new(),
    };
    let found = commands();
    assert!(found.len() > 60, "{}", found.len());
    let mut wrong = Vec::new();
    for (place, command) in found {
        // `show|resend` stands for one command after the other.
        let alternatives = command.split_whitespace().find(|word| word.contains('|'));
        let spelt: Vec<String> = match alternatives {
            Some(word) => word.split('|').map(|one| command.replace(word, one)).collect(),
            None => vec![command],
        };
        for command in spelt {
            if let Some(problem) = helps.judge(&command) {
                wrong.push(format!("{place}: {command}: {problem}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The words of a text that begin like a setting.
fn names(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("WEBHOOK_") {
        let rest = &text[at..];
        let end = rest.find(|sign: char| !sign.is_ascii_uppercase() && sign != '_');
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        // `WEBHOOK_EVENT.VIEW` is a permission, `WEBHOOK_TEST_…` stands for many.
        if !behind.starts_with(['.', '…', '*']) && !name.ends_with('_') {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn every_variable_is_a_setting_or_one_of_the_tests() {
    let example = book::text("docs/operating/webhook.toml");
    let mut known: BTreeSet<String> = example
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| format!("WEBHOOK_{}", key.to_ascii_uppercase()))
        .collect();
    assert!(known.len() > 30, "{known:?}");
    known.extend(names(&book::text("tests/README.md")));
    // What Kubernetes sets for a service of that name.
    known.insert("WEBHOOK_PORT".to_owned());
    for page in book::pages() {
        let unknown: Vec<String> = names(&book::text(&page)).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{page}: {unknown:?}");
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut count = 0;
    for page in book::pages() {
        for line in book::text(&page).replace("\\\n", " ").lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(package) = words
                .iter()
                .position(|word| *word == "-p")
                .map(|at| words[at + 1])
            else {
                continue;
            };
            let folder = match package {
                "webhook-tests" => book::root().join("tests"),
                _ => book::root().join("crates").join(package),
            };
            assert!(folder.exists(), "{page}: no package {package}");
            for pair in words.windows(2).filter(|pair| pair[0] == "--test") {
                let test = folder.join("tests").join(pair[1].trim_matches(['`', ',']));
                let there = test.with_extension("rs").exists() || test.join("main.rs").exists();
                assert!(there, "{page}: {package} has no test {}", pair[1]);
                count += 1;
            }
        }
    }
    assert!(count > 10, "{count}");
}

/// A threat whose test is gone is not defended against by anything that anybody sees.
#[test]
fn every_test_that_the_page_on_security_names_is_there() {
    let folders = ["tests/tests", "crates/webhook-store-diesel/tests/store"];
    let page = book::text("docs/security.md");
    let mut count = 0;
    for name in page.split('`').skip(1).step_by(2) {
        if (name.ends_with(".rs") || name.ends_with('/')) && !name.starts_with('/') && name != "tests/tests/"
        {
            let there = folders.map(|folder| book::root().join(folder).join(name).exists());
            assert!(there.contains(&true), "{name}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// The steps that `.ci/run` and the page for contributors name are the same.
#[test]
fn the_steps_of_ci_are_those_of_the_page() {
    let run = fs::read_to_string(book::root().join(".ci/run")).expect("CI has a script");
    assert!(run.contains("\n.ci/test\n"));
    assert_eq!(book::block("readme:test"), ".ci/test\n");
    let page = book::text("docs/contributing.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let named: BTreeSet<&str> = rows
        .flat_map(|row| row.split(" |").next().unwrap_or_default().split(", "))
        .collect();
    for step in run.lines().filter_map(|line| line.strip_prefix("step ")) {
        let step = step.trim_matches('\'');
        let is_named = ["install", "done"].contains(&step) || named.contains(step);
        assert!(is_named, "docs/contributing.md says nothing of the step `{step}`");
    }
}
