//! Links between pages lead to files and headings that there are.

use std::collections::BTreeSet;

use webhook_tests::book;

/// The targets of a page's links, with the numbers of their lines.
fn links(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in book::read(page).0 {
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((line, target.to_owned()));
        }
    }
    found
}

/// What is behind `#` in a link to each heading of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in book::read(page).0 {
        let heading = text.trim_start_matches('#');
        if heading.len() == text.len() || !heading.starts_with(' ') {
            continue;
        }
        let plain = heading.trim().replace(['[', '`'], "");
        let plain = plain.split("](").next().unwrap_or_default().to_lowercase();
        let anchor: String = plain
            .chars()
            .filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign))
            .map(|sign| if sign == ' ' { '-' } else { sign })
            .collect();
        let mut unique = anchor.clone();
        let mut number = 0;
        while !found.insert(unique.clone()) {
            number += 1;
            unique = format!("{anchor}-{number}");
        }
    }
    found
}

/// `target` as seen from `page`: a path from the root on.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_there_are() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in book::all_pages() {
        for (line, link) in links(&page) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = match target {
                "" => page.clone(),
                _ => resolve(&page, target),
            };
            if !book::root().join(&path).exists() {
                wrong.push(format!("{page}:{line}: {link}: no such file"));
            } else if !anchor.is_empty() && !anchors(&path).contains(anchor) {
                wrong.push(format!("{page}:{line}: {link}: no such heading"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 200, "{count} links");
}

/// Whoever begins with the book finds every page.
#[test]
fn the_table_of_contents_has_every_page() {
    let contents = "docs/README.md";
    let linked: BTreeSet<String> = links(contents)
        .into_iter()
        .map(|(_, link)| resolve(contents, link.split('#').next().unwrap_or_default()))
        .collect();
    let missing: Vec<String> = book::pages_below("docs")
        .into_iter()
        .filter(|page| page != contents && !page.starts_with("docs/decisions/"))
        .filter(|page| !linked.contains(page))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(linked.contains("docs/decisions"));
}
