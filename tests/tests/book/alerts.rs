//! Each alerting rule has a section that says what to do.

use std::collections::BTreeSet;

use webhook_tests::book;

#[test]
fn every_alert_has_a_section_and_leads_to_it() {
    let rules = book::text("docs/operating/alerts.yml");
    let mut alerts = BTreeSet::new();
    let mut latest = String::new();
    for line in rules.lines().map(str::trim) {
        if let Some(alert) = line.strip_prefix("- alert: ") {
            latest = alert.to_owned();
        } else if let Some(url) = line.strip_prefix("runbook_url: ") {
            let expected = format!("docs/operating/alerts.md#{}", latest.to_lowercase());
            assert_eq!(url, expected);
            assert!(alerts.insert(latest.clone()), "{latest} leads to two places");
        }
    }
    assert_eq!(
        alerts.len(),
        rules.matches("- alert: ").count(),
        "each alert has a runbook_url"
    );
    assert_eq!(
        alerts.len(),
        rules.matches("action: ").count(),
        "each alert says what to do"
    );

    let page = book::text("docs/operating/alerts.md");
    let mut sections: BTreeSet<String> = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').expect("a section has a body");
        assert!(body.trim().len() > 100, "{heading} says what to do");
        assert!(sections.insert(heading.to_owned()), "{heading} is there twice");
    }
    assert_eq!(sections, alerts);
}
