//! What operators are given beside the metrics: the table in the documents, the alerting rules and the dashboard name what there is, and
//! `promtool` is content with all of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use webhook_tests::{
    Backend, Service, clock::wait_for, fixtures::create_with, on_each_database, receiver::Receiver,
};

use crate::scrape::{Scrape, address, deployment, get, scrape};

on_each_database!(promtool_is_content_with_a_scrape);

fn operating(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/operating")
        .join(file)
}

fn text(file: &str) -> String {
    fs::read_to_string(operating(file)).expect("the file is there")
}

/// A service that has delivered something, and has counted in its database.
fn counted() -> (Service, Scrape) {
    let service = Service::start_on(deployment(Backend::Sqlite));
    let scraped = wait_for("the database is counted", Duration::from_secs(60), || {
        Some(scrape(service.server())).filter(|scrape| scrape.find("webhook_queue_messages", &[]).is_some())
    });
    (service, scraped)
}

fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there (Debian: the package prometheus)");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn promtool_is_content_with_a_scrape(backend: Backend) {
    let service = Service::start_on(deployment(backend));
    let (client, receiver) = (service.client(), Receiver::start());
    create_with(&client, json!({"url": receiver.url()}));
    let event = json!({"type": "INVOICE.CREATED", "data": {}});
    client.post("/v1/events").json(&event).send().expect_status(202);
    receiver.wait_for(1);
    let text = wait_for("the database is counted", Duration::from_secs(60), || {
        let text = get(address(service.server())).text().to_owned();
        text.contains("webhook_queue_messages").then_some(text)
    });
    let (content, said) = promtool(&["check", "metrics"], &text);
    assert!(content && said.trim().is_empty(), "{said}");
    let (content, said) = promtool(
        &["check", "metrics"],
        &text.replace("# HELP webhook_rolls_total", "# "),
    );
    assert!(!content, "promtool finds what is wrong: {said}");
}

#[test]
fn the_alerting_rules_do_what_their_tests_say() {
    let rules = operating("alerts.yml").display().to_string();
    let tests = operating("alerts.test.yml").display().to_string();
    for arguments in [
        ["check", "rules", rules.as_str()],
        ["test", "rules", tests.as_str()],
    ] {
        let (content, said) = promtool(&arguments, "");
        assert!(content, "{said}");
    }
}

/// The words in `expression` that can be names of metrics.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    // Labels stand in braces, and in parentheses behind `by` and its like.
    let mut bare = String::new();
    let mut within = 0;
    for (index, sign) in expression.char_indices() {
        match sign {
            '{' => within += 1,
            '}' => within -= 1,
            '(' => {
                let before = expression[..index].trim_end();
                let of_labels = ["by", "on", "ignoring", "without", "group_left"]
                    .iter()
                    .any(|word| before.ends_with(word));
                within += i32::from(of_labels || within > 0);
                bare.push(' ');
            }
            ')' if within > 0 => within -= 1,
            _ if within > 0 => {}
            _ => bare.push(sign),
        }
    }
    bare.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_')
        .filter(|word| {
            ["webhook_", "http_", "process_"]
                .iter()
                .any(|prefix| word.starts_with(prefix))
        })
        .map(str::to_owned)
        .collect()
}

fn expressions_of(panels: &Value) -> Vec<String> {
    let panels = panels.as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array());
    let expressions = targets.flatten().map(|target| target["expr"].as_str());
    expressions
        .map(|expression| expression.expect("a query").to_owned())
        .collect()
}

#[test]
fn the_rules_and_the_dashboard_name_metrics_that_there_are() {
    let (_service, scraped) = counted();
    let there = scraped.names();
    let rules = text("alerts.yml");
    let mut used = BTreeSet::new();
    let mut expression = String::new();
    let mut is_expression = false;
    for line in rules.lines().map(str::trim) {
        is_expression = line.starts_with("expr:") || is_expression && !line.contains(": ");
        if is_expression {
            expression.push_str(line.trim_start_matches("expr:"));
            expression.push('\n');
        }
    }
    used.extend(metrics_in(&expression));
    assert!(used.len() > 15, "{used:?}");
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).expect("the dashboard is JSON");
    let expressions = expressions_of(&dashboard["panels"]);
    assert!(expressions.len() > 40);
    for expression in expressions {
        let metrics = metrics_in(&expression);
        assert!(!metrics.is_empty(), "{expression}");
        used.extend(metrics);
    }
    let missing: Vec<_> = used.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {there:#?}");
}

/// The rows of the table that begins with the header `first`.
fn table(document: &str, first: &str) -> Vec<Vec<String>> {
    let rows = document
        .lines()
        .skip_while(|line| !line.starts_with(first))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split(" | ").map(str::trim);
        cells.map(str::to_owned).collect()
    };
    rows.map(cells).collect()
}

fn plain(cell: &str) -> String {
    cell.trim_matches(['|', ' ', '`']).to_owned()
}

/// The labels that the series of a family have, apart from those of buckets.
fn labels_of(scraped: &Scrape, family: &str) -> BTreeSet<String> {
    let of_family = scraped.series().filter(|series| {
        let name = series.split('{').next().unwrap_or_default();
        name.strip_prefix(family)
            .is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
    });
    of_family
        .flat_map(|series| series.split(['{', ',']).skip(1))
        .filter_map(|label| label.split_once("=\""))
        .map(|(label, _)| label.to_owned())
        .filter(|label| label != "le")
        .collect()
}

#[test]
fn the_documents_have_every_metric_with_its_type_and_its_labels_and_no_other() {
    let (_service, scraped) = counted();
    let document = text("metrics.md");
    let documented: BTreeMap<String, Vec<String>> = table(&document, "| metric | type |")
        .into_iter()
        .map(|row| (plain(&row[0]), row))
        .collect();
    let there: BTreeSet<&String> = scraped.types.keys().collect();
    let named: BTreeSet<&String> = documented.keys().collect();
    assert_eq!(named, there);
    for (name, row) in &documented {
        assert_eq!(row.len(), 6, "{name}");
        assert_eq!(row[1], scraped.types[name], "{name}");
        let labels: BTreeSet<String> = row[2]
            .split(", ")
            .filter(|label| *label != "none")
            .map(plain)
            .collect();
        assert_eq!(labels, labels_of(&scraped, name), "{name}");
        assert!(!row[3].is_empty() && !row[4].is_empty(), "{name}");
        let seconds = name.contains("_seconds");
        assert_eq!(row[3] == "seconds", seconds, "{name}");
    }
}

#[test]
fn the_documents_have_the_buckets_of_every_histogram() {
    let (_service, scraped) = counted();
    let mut documented: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in table(&text("metrics.md"), "| metric | buckets |") {
        let bounds = plain(&row[1]);
        let bounds = bounds.split(", ").map(|bound| bound.parse().expect("a number"));
        documented.insert(plain(&row[0]), bounds.collect());
    }
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for series in scraped.series() {
        let Some((name, labels)) = series.split_once("_bucket{") else {
            continue;
        };
        let (_, rest) = labels.split_once("le=\"").expect("a bucket has a bound");
        let (bound, _) = rest.split_once('"').expect("a value ends");
        there.entry(name.to_owned()).or_default().insert(bound.to_owned());
    }
    assert_eq!(
        documented.keys().collect::<Vec<_>>(),
        there.keys().collect::<Vec<_>>()
    );
    for (name, bounds) in there {
        let mut bounds: Vec<f64> = bounds
            .iter()
            .filter(|bound| *bound != "+Inf")
            .map(|bound| bound.parse().expect("a number"))
            .collect();
        bounds.sort_by(f64::total_cmp);
        assert_eq!(documented[&name], bounds, "{name}");
    }
}
