//! Figures and limits that one page takes from another place.

use std::collections::BTreeMap;

use webhook_tests::book;

/// The words of a page that are numbers, without what stands around them.
fn numbers(text: &str) -> Vec<String> {
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && !",.".contains(sign));
    words
        .map(|word| word.trim_matches([',', '.']))
        .filter(|word| {
            word.chars()
                .all(|sign| sign.is_ascii_digit() || ",.".contains(sign))
        })
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Measured figures have a comma or a point, or a unit of memory behind them.
#[test]
fn the_page_on_sizing_has_the_figures_of_the_benchmarks_and_no_others() {
    let measured = numbers(&book::text("docs/benchmarks.md"));
    let page = book::text("docs/operating/sizing.md");
    let mut taken: Vec<String> = numbers(&page)
        .into_iter()
        .filter(|number| number.contains([',', '.']))
        .collect();
    for (before, _) in page.match_indices(" MiB") {
        taken.extend(page[..before].rsplit(' ').next().map(str::to_owned));
    }
    assert!(taken.len() > 20, "{taken:?}");
    taken.retain(|number| !measured.contains(number));
    assert!(taken.is_empty(), "{taken:?} are not in docs/benchmarks.md");
}

/// A limit that is a setting has the setting's default, and 0 is none.
#[test]
fn the_table_of_limits_has_the_defaults_of_the_settings() {
    let example = book::text("docs/operating/webhook.toml");
    let defaults: BTreeMap<String, &str> = example
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once(" = "))
        .map(|(key, value)| (format!("`WEBHOOK_{}`", key.to_ascii_uppercase()), value))
        .collect();
    let mut compared = 0;
    for line in book::text("docs/operating/limits.md").lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [limit, value, _, setting] = cells[..] else {
            continue;
        };
        let Some(default) = defaults.get(setting) else {
            continue;
        };
        if default.parse::<u64>().is_err() {
            continue;
        }
        let written = match numbers(value).first() {
            Some(number) => number.replace(',', ""),
            None => "0".to_owned(),
        };
        assert_eq!(written, *default, "{limit}");
        compared += 1;
    }
    assert!(compared >= 8, "{compared}");
}
