//! The keys of a webhook, as far as whoever looks may know of them.

use webhook_domain::access::audit::AuditAction;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::key_history::KeyHistory;
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::key_check::Verdict;
use webhook_domain::ports::AuditQuery;
use webhook_domain::signing::key_ring::{Evidence, SigningKey};
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;
use webhook_domain::{Refusal, ServiceError};

use super::timeline::{Bar, Mark, MarkKind};
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Moment, State};

/// How many of the webhook's newest checks are shown.
const SHOWN_CHECKS: u32 = 20;

/// A key that signs.
pub(super) struct Key {
    pub(super) fingerprint: String,
    pub(super) protocol: &'static str,
    pub(super) is_current: bool,
    /// Whether it signs beyond its overlap.
    pub(super) is_kept: bool,
    pub(super) from: Option<Moment>,
    pub(super) until: Option<Moment>,
    pub(super) evidence: Option<(State, Moment)>,
    /// How many attempts that are kept it has signed, and when the last one was.
    pub(super) used: Option<(u64, Option<Moment>)>,
    /// How often it was shown to somebody.
    pub(super) times_shown: Option<u64>,
    marks: Vec<Mark>,
    began: Instant,
    ends: Option<Instant>,
}

impl Key {
    /// As a bar of the timeline.
    pub(super) fn bar(&self) -> Bar {
        Bar {
            fingerprint: self.fingerprint.clone(),
            is_current: self.is_current,
            from: self.began,
            is_from_known: self.from.is_some(),
            until: self.ends,
            marks: self.marks.clone(),
        }
    }
}

/// Those of `webhook` that sign, the current one first.
pub(super) async fn read(call: &Call, acting: &Acting, webhook: &Webhook) -> Result<Vec<Key>, Trouble> {
    let now = call.console().clock.now();
    let ring = &webhook.key_ring;
    let mut keys = Vec::new();
    if let Some(current) = ring.current() {
        let mut key = key(call, acting, webhook, current).await?;
        key.is_current = true;
        if let Some(since) = ring.current_since(webhook.created_at) {
            key.began_at(since);
        }
        if let Some(adoption) = ring.adoption() {
            let by = match adoption.evidence {
                Evidence::Receipt => "adopted, by a receipt",
                Evidence::Check => "adopted, by a check",
            };
            key.evidence = Some((State::good(by), Moment(adoption.adopted_at)));
            key.marks.push(Mark {
                kind: MarkKind::Adopted,
                at: adoption.adopted_at,
            });
        }
        key.marks.extend(checks(call, acting, webhook, key.began).await?);
        keys.push(key);
    }
    for retired in ring.retired_at(now) {
        let mut key = key(call, acting, webhook, &retired.key).await?;
        let ends = ring.expiry_of(retired, now);
        key.is_kept = retired.is_held(now);
        key.until = Some(Moment(ends));
        key.ends = Some(ends);
        keys.push(key);
    }
    Ok(keys)
}

impl Key {
    fn began_at(&mut self, at: Instant) {
        self.began = at;
        self.from = Some(Moment(at));
    }
}

/// What is known of one key: by its history, if the caller may see that.
async fn key(call: &Call, acting: &Acting, webhook: &Webhook, of: &SigningKey) -> Result<Key, Trouble> {
    let history = history(call, acting, webhook, of).await?;
    let history = history.as_ref();
    let from = history.and_then(|history| history.signs_from);
    let shown = history.into_iter().flat_map(|history| &history.shown);
    Ok(Key {
        fingerprint: of.fingerprint().to_string(),
        protocol: of.protocol().name(),
        is_current: false,
        is_kept: false,
        from: from.map(Moment),
        until: None,
        evidence: None,
        used: history.map(|history| (history.used.attempts, history.used.last_at.map(Moment))),
        times_shown: history.map(|history| history.times_shown),
        marks: shown
            .map(|showing| Mark {
                kind: MarkKind::Shown,
                at: showing.at,
            })
            .collect(),
        began: from.unwrap_or(webhook.created_at),
        ends: None,
    })
}

async fn history(
    call: &Call,
    acting: &Acting,
    webhook: &Webhook,
    of: &SigningKey,
) -> Result<Option<KeyHistory>, Trouble> {
    if !acting.may(Permission::AuditRecordView) {
        return Ok(None);
    }
    let fingerprint = of.fingerprint();
    let histories = &call.console().signing_keys;
    match histories.read(acting, &fingerprint, None, 10).await {
        Ok(found) => Ok(found.into_iter().find(|history| history.webhook == webhook.id)),
        // One that was made before such things were noted.
        Err(ServiceError::Refused(Refusal::NotFound { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The checks since `began`, if the caller may see them.
async fn checks(
    call: &Call,
    acting: &Acting,
    webhook: &Webhook,
    began: Instant,
) -> Result<Vec<Mark>, Trouble> {
    if !acting.may(Permission::AuditRecordView) {
        return Ok(Vec::new());
    }
    let query = AuditQuery {
        action: Some(AuditAction::KeysChecked),
        ..AuditQuery::of_resource(webhook.id.to_string(), SHOWN_CHECKS)
    };
    let records = call.console().audit.list(acting, query).await?;
    let since = records.into_iter().filter(|record| record.at >= began);
    Ok(since
        .map(|record| Mark {
            kind: match record.details.verdict.as_deref() == Some(Verdict::Adopted.name()) {
                true => MarkKind::CheckedWell,
                false => MarkKind::Checked,
            },
            at: record.at,
        })
        .collect())
}
