//! The book: `README.md` and the pages below `docs/`, with the blocks of commands in them.
//!
//! A block of commands begins with a fence that names what runs it, ` ```sh run=rolling:leak `, or has a first line that says
//! that no test does: `# not tested: takes hours`. A test takes a block by its name ([`block`]) and runs it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The languages whose blocks are commands.
pub const COMMANDS: [&str; 5] = ["sh", "bash", "console", "shell", "sql"];

/// A block between two fences.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its page, from the root of the repository on.
    pub page: String,
    /// The number of its first fence's line.
    pub line: usize,
    /// The first word of the fence.
    pub language: String,
    /// The name behind `run=`.
    pub name: Option<String>,
    /// What stands between the fences.
    pub text: String,
}

impl Block {
    /// Whether it has commands, and not a program, an answer or a file.
    pub fn is_commands(&self) -> bool {
        COMMANDS.contains(&self.language.as_str())
    }

    /// Whether its first line says that it is not tested, and why.
    pub fn says_that_it_is_not_tested(&self) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        let comment = first
            .strip_prefix("# ")
            .or_else(|| first.strip_prefix("-- "))
            .unwrap_or_default();
        comment
            .strip_prefix("not tested")
            .and_then(|rest| rest.split_once(": "))
            .is_some_and(|(_, reason)| !reason.is_empty())
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in the workspace").to_owned()
}

/// The text of a page.
#[track_caller]
pub fn text(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// `README.md` and every page below `docs/`, from the root of the repository on.
pub fn pages() -> Vec<String> {
    let mut found = vec!["README.md".to_owned()];
    found.extend(pages_below("docs"));
    found
}

/// The pages of the book, and those beside the code.
pub fn all_pages() -> Vec<String> {
    let mut found = pages();
    found.extend(["CHANGELOG.md".to_owned(), "tests/README.md".to_owned()]);
    found.extend(pages_below("crates"));
    found
}

/// Every page below a folder.
pub fn pages_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let page = path.strip_prefix(root()).expect("it is below the root");
                found.push(page.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// The lines of a page that stand outside of all fences, with their numbers, and its blocks.
pub fn read(page: &str) -> (Vec<(usize, String)>, Vec<Block>) {
    let (mut prose, mut blocks) = (Vec::new(), Vec::new());
    let mut open: Option<Block> = None;
    for (index, line) in text(page).lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(fence)) => {
                let mut words = fence.split_whitespace();
                open = Some(Block {
                    page: page.to_owned(),
                    line: index + 1,
                    language: words.next().unwrap_or_default().to_owned(),
                    name: words
                        .find_map(|word| word.strip_prefix("run="))
                        .map(str::to_owned),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => prose.push((index + 1, line.to_owned())),
        }
    }
    assert!(open.is_none(), "{page} ends within a block");
    (prose, blocks)
}

/// Every block of all pages.
pub fn blocks() -> Vec<Block> {
    all_pages().iter().flat_map(|page| read(page).1).collect()
}

/// The text of the block behind the fence with `run={name}`.
#[track_caller]
pub fn block(name: &str) -> String {
    let mut named = blocks()
        .into_iter()
        .filter(|block| block.name.as_deref() == Some(name));
    let found = named
        .next()
        .unwrap_or_else(|| panic!("the book has no block run={name}"));
    let again = named.next();
    assert!(again.is_none(), "the book has two blocks run={name}");
    found.text
}
