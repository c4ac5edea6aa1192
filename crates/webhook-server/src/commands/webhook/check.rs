//! `webhook check`: with which of its keys a webhook's receiver verifies.

use webhook_domain::delivery::attempt::StatusCode;
use webhook_domain::delivery::key_check::allowance::Allowance;
use webhook_domain::delivery::key_check::{Answered, Judged, KeyCheck, Verdict};
use webhook_domain::id::{PlatformId, WebhookId};
use webhook_domain::services::KeyCheckService;
use webhook_http_actix::wire::{KeyCheckJson, described};

use super::probe;
use crate::commands::local::{answer, answer_json};
use crate::commands::table::table;
use crate::commands::{Format, done};
use crate::exit::Failure;
use crate::settings::Settings;

/// Checks the webhook's keys, prints what its receiver said to each, and ends by the verdict.
pub(super) fn run(
    settings: Settings,
    platform: PlatformId,
    id: WebhookId,
    format: Format,
) -> Result<(), Failure> {
    let (local, probes) = probe::open(settings)?;
    let checks = KeyCheckService {
        probes,
        checks: local.open.store.clone(),
        describe: Some(described),
    };
    let acting = local.acting_on(Some(platform))?;
    let doing = "check the keys";
    let made = checks.check(&acting, id, Allowance::OnRequest, None);
    let check = done(local.wait(doing, made)?, doing)?;
    match format {
        Format::Json => answer_json(&KeyCheckJson::new(&check))?,
        Format::Text => answer(&written(&check))?,
    }
    match status(check.verdict) {
        0 => Ok(()),
        status => {
            let verdict = check.verdict;
            let message = format!("{}: {}", verdict.name(), verdict.sentence());
            Err(Failure::with_status(status, message))
        }
    }
}

/// The status to end with: 1 and 2 say that there was no check.
const fn status(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Adopted => 0,
        Verdict::NotAdopted => 3,
        Verdict::Inconclusive => 4,
        Verdict::DoesNotVerify => 5,
        Verdict::Unreachable => 6,
    }
}

fn written(check: &KeyCheck) -> String {
    let [first, second] = &check.controls;
    let keys = check.keys.iter().map(|key| {
        let role = key.role.name().to_lowercase();
        (role, key.fingerprint.as_str(), &key.answered)
    });
    let control = |answered| ("control".to_owned(), "-", answered);
    let rows = [control(first)].into_iter().chain(keys).chain([control(second)]);
    let rows: Vec<_> = rows
        .map(|(signed_by, key, answered)| {
            [
                signed_by,
                key.to_owned(),
                said(answered).to_owned(),
                told(answered),
            ]
        })
        .collect();
    let table = table(["SIGNED BY", "KEY", "RECEIVER", "ANSWER"], &rows);
    format!(
        "{table}\n{}: {}\n",
        check.verdict.name(),
        check.verdict.sentence()
    )
}

fn said(answered: &Answered) -> &'static str {
    match answered.judged() {
        Judged::Accepted => "accepted",
        Judged::Refused => "refused",
        Judged::NoAnswer => "no answer",
    }
}

/// The status of the answer, or why there is none.
fn told(answered: &Answered) -> String {
    match (answered.status().map(StatusCode::get), answered.cause()) {
        (Some(status), _) => status.to_string(),
        (None, cause) => cause.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use webhook_domain::delivery::attempt::{AttemptOutcome, FailureCause};
    use webhook_domain::delivery::key_check::{CheckedKey, KeyRole};
    use webhook_domain::time::Instant;

    use super::*;

    fn answered(status: u16) -> Answered {
        Answered::Sent(AttemptOutcome::of_answer(StatusCode::new(status).unwrap()))
    }

    fn key(role: KeyRole, digit: &str, answered: Answered) -> CheckedKey {
        CheckedKey {
            fingerprint: format!("sha256:{}", digit.repeat(16)).parse().unwrap(),
            role,
            answered,
        }
    }

    #[test]
    fn a_table_has_what_was_said_to_each_key() {
        let check = KeyCheck::new(
            Instant::from_milliseconds(0),
            [
                answered(401),
                Answered::Sent(AttemptOutcome::failed(FailureCause::Timeout)),
            ],
            key(KeyRole::Current, "a", answered(204)),
            Some(key(KeyRole::Previous, "b", Answered::NotSent)),
        );
        let expected = "\
SIGNED BY  KEY                      RECEIVER   ANSWER
control    -                        refused    401
current    sha256:aaaaaaaaaaaaaaaa  accepted   204
previous   sha256:bbbbbbbbbbbbbbbb  no answer  NOT_SENT
control    -                        no answer  TIMEOUT

UNREACHABLE: the receiver gave no answer that says whether it verifies
";
        assert_eq!(written(&check), expected);
    }

    #[test]
    fn each_verdict_has_a_status_of_its_own() {
        let statuses = Verdict::ALL.map(status);
        assert_eq!(statuses, [0, 3, 5, 6, 4]);
    }
}
