//! Each block of commands is run by a test or says that it is not.

use std::{collections::BTreeSet, fs, path::Path};

use webhook_tests::book::{self, Block};

/// The sources of the tests.
fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(&path).expect("a source can be read"));
            }
        }
    }
    text
}

fn place(block: &Block) -> String {
    format!("{}:{}", block.page, block.line)
}

#[test]
fn every_block_of_commands_is_run_by_a_test_or_says_that_it_is_not() {
    let sources = sources();
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for block in book::blocks() {
        let at = place(&block);
        if block.language.is_empty() {
            wrong.push(format!("{at}: a fence without a language"));
        }
        match &block.name {
            Some(name) if !names.insert(name.clone()) => wrong.push(format!("{at}: a second run={name}")),
            Some(name) if !sources.contains(&format!("\"{name}\"")) => {
                wrong.push(format!("{at}: no test runs {name}"));
            }
            Some(_) if block.says_that_it_is_not_tested() => {
                wrong.push(format!("{at}: it is run, and says that it is not"));
            }
            None if block.is_commands() && !block.says_that_it_is_not_tested() => {
                wrong.push(format!("{at}: no `run=`, and no `# not tested: why`"));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(names.len() > 20, "{names:?}");
}

/// A block that is only indented has no language: nobody could tell whether it is to be run.
#[test]
fn no_block_is_without_fences() {
    let mut wrong = Vec::new();
    for page in book::all_pages() {
        let mut after_a_gap = true;
        let mut in_a_list = false;
        for (line, text) in book::read(&page).0 {
            let trimmed = text.trim_start();
            let item = trimmed.starts_with("- ")
                || trimmed
                    .split_once(". ")
                    .is_some_and(|(n, _)| n.parse::<u32>().is_ok());
            if item {
                in_a_list = true;
            } else if !text.starts_with(' ') && !text.is_empty() {
                in_a_list = false;
            }
            let deep = if in_a_list { 6 } else { 4 };
            if after_a_gap && text.len() - trimmed.len() >= deep && !item {
                wrong.push(format!("{page}:{line}"));
            }
            after_a_gap = text.is_empty();
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
