//! What things are called: each has one name on all pages.

use std::fs;
use std::path::Path;

/// The texts of all files below `folder`, each with its path.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => texts(&path),
        false => vec![(path.display().to_string(), fs::read_to_string(&path).unwrap())],
    });
    below.collect()
}

#[test]
fn an_older_key_that_signs_is_a_retired_key_on_all_pages() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [home.join("templates"), home.join("src")];
    let texts: Vec<_> = pages.iter().flat_map(|folder| texts(folder)).collect();
    assert!(texts.iter().any(|(_, text)| text.contains("etired key")));
    for (path, text) in texts {
        let text = text.to_lowercase();
        for other in ["key before", "keys before", "previous key", "previous secret"] {
            assert!(!text.contains(other), "{path} says {other}");
        }
    }
}
