//! The keys of a webhook, those that sign and those that have ended, as far as whoever looks may know of them.

use std::time::Duration;

use webhook_domain::access::caller::Acting;
use webhook_domain::access::key_history::{KeyHistory, PastKeyHistory, Showing};
use webhook_domain::access::permission::Permission;
use webhook_domain::signing::key_ring::{Adoption, Evidence, SigningKey};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Webhook;
use webhook_domain::{Refusal, ServiceError};

use super::checks::{self, Check};
use super::timeline::{Bar, BarKind, Mark, MarkKind};
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::webhook::unadopted_state;
use crate::view::{Moment, State, When};

/// How many keys that have ended are shown.
pub(super) const SHOWN_PAST: usize = 20;
/// For how many days they are.
pub(super) const PAST_DAYS: u64 = 90;
/// How many of the times that a key was shown are told one by one: the latest.
const MOST_SHOWINGS: usize = 10;

/// The keys of a webhook.
pub(super) struct Keys {
    /// Those that sign, the current one first.
    pub(super) signing: Vec<Key>,
    /// Those that have ended, if the caller may see them.
    pub(super) past: Option<Past>,
}

impl Keys {
    /// As bars of the timeline.
    pub(super) fn bars(&self) -> Vec<Bar> {
        self.all().map(Key::bar).collect()
    }

    /// All that the marks of the timeline say, the latest first.
    pub(super) fn happened(&self) -> Vec<Happened> {
        let of_key = |key: &Key| {
            let key_of = key.fingerprint.clone();
            let marks = key.marks.clone().into_iter();
            marks.map(move |mark| (mark, key_of.clone()))
        };
        let mut marks: Vec<_> = self.all().flat_map(of_key).collect();
        marks.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.at));
        let told = marks.into_iter().map(|(mark, key)| Happened {
            at: Moment(mark.at),
            says: mark.says,
            key,
        });
        told.collect()
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        let past = self.past.iter().flat_map(|past| &past.keys);
        self.signing.iter().chain(past)
    }
}

/// Something that happened to a key.
pub(super) struct Happened {
    pub(super) at: Moment,
    pub(super) says: String,
    pub(super) key: String,
}

/// Keys that have ended.
pub(super) struct Past {
    pub(super) keys: Vec<Key>,
    pub(super) has_more: bool,
    /// Whether all that happened to them is told.
    pub(super) is_whole: bool,
}

/// A key.
pub(super) struct Key {
    kind: BarKind,
    pub(super) fingerprint: String,
    pub(super) protocol: &'static str,
    /// Whether it signs beyond its overlap.
    pub(super) is_kept: bool,
    pub(super) from: Option<Moment>,
    pub(super) until: Option<When>,
    /// Whether its receiver was shown to use it, and when; none of an older key of which that was never shown.
    pub(super) adoption: Option<(State, Option<Moment>)>,
    /// How many attempts that are kept it has signed, and when the last one was.
    pub(super) used: Option<(u64, Option<Moment>)>,
    /// How often it was shown to somebody.
    pub(super) times_shown: Option<u64>,
    /// Where all that is known of it stands, for those who may see that.
    pub(super) history: Option<String>,
    marks: Vec<Mark>,
    began: Instant,
    ends: Option<Instant>,
}

impl Key {
    pub(super) fn is_current(&self) -> bool {
        self.kind == BarKind::Current
    }

    fn bar(&self) -> Bar {
        Bar {
            kind: self.kind,
            fingerprint: self.fingerprint.clone(),
            from: self.began,
            is_from_known: self.from.is_some(),
            until: self.ends,
            marks: self.marks.clone(),
        }
    }

    /// Adds what was shown of it first.
    fn adopted(&mut self, adoption: Option<Adoption>) {
        let Some(adoption) = adoption else { return };
        let by = match adoption.evidence {
            Evidence::Receipt => "adopted, by a receipt",
            Evidence::Check => "adopted, by a check",
        };
        let state = match self.kind {
            BarKind::Current => State::good(by),
            BarKind::Retired | BarKind::Ended => State::plain(by),
        };
        self.adoption = Some((state, Some(Moment(adoption.adopted_at))));
        self.marks
            .push(Mark::new(MarkKind::Adopted, adoption.adopted_at, by));
    }

    /// Adds the checks that asked about it.
    fn checked(mut self, checks: &[Check]) -> Self {
        let own = checks.iter().filter(|check| check.key == self.fingerprint);
        self.marks.extend(own.map(Check::mark));
        self
    }
}

/// Those of `webhook`.
pub(super) async fn read(call: &Call, acting: &Acting, webhook: &Webhook) -> Result<Keys, Trouble> {
    let now = call.console().clock.now();
    let checks = checks::read(call, acting, webhook).await?;
    let ring = &webhook.key_ring;
    let mut signing = Vec::new();
    if let Some(current) = ring.current() {
        let mut key = key(call, acting, webhook, current, BarKind::Current).await?;
        if let Some(since) = ring.current_since(webhook.created_at) {
            key.began = since;
            key.from = Some(Moment(since));
        }
        key.adoption = Some((unadopted_state(ring, now), None));
        key.adopted(ring.adoption());
        signing.push(key.checked(&checks));
    }
    for retired in ring.retired_at(now) {
        let mut key = key(call, acting, webhook, &retired.key, BarKind::Retired).await?;
        let ends = ring.expiry_of(retired, now);
        key.is_kept = retired.is_held(now);
        key.until = Some(When::new(ends, now));
        key.ends = Some(ends);
        signing.push(key.checked(&checks));
    }
    Ok(Keys {
        signing,
        past: past(call, acting, webhook, &checks).await?,
    })
}

/// What is known of one key that signs: by its history, if the caller may see that.
async fn key(
    call: &Call,
    acting: &Acting,
    webhook: &Webhook,
    of: &SigningKey,
    kind: BarKind,
) -> Result<Key, Trouble> {
    let history = history(call, acting, webhook, of).await?;
    let history = history.as_ref();
    let from = history.and_then(|history| history.signs_from);
    let mut key = Key {
        kind,
        fingerprint: of.fingerprint().to_string(),
        protocol: of.protocol().name(),
        is_kept: false,
        from: from.map(Moment),
        until: None,
        adoption: None,
        used: history.map(|history| (history.used.attempts, history.used.last_at.map(Moment))),
        times_shown: history.map(|history| history.times_shown),
        history: history.map(|history| page_of(acting, history.fingerprint.as_str())),
        marks: history.map(|history| shown(&history.shown)).unwrap_or_default(),
        began: from.unwrap_or(webhook.created_at),
        ends: None,
    };
    if kind == BarKind::Retired {
        key.adopted(history.and_then(|history| history.adopted));
    }
    Ok(key)
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

/// Those that ended lately, if the caller may see them.
async fn past(
    call: &Call,
    acting: &Acting,
    webhook: &Webhook,
    checks: &[Check],
) -> Result<Option<Past>, Trouble> {
    if !acting.may(Permission::AuditRecordView) {
        return Ok(None);
    }
    let now = call.console().clock.now();
    let since = now.minus(past_time());
    let histories = &call.console().signing_keys;
    let past = histories.past(acting, webhook, since, SHOWN_PAST).await?;
    let keys = past.keys.into_iter();
    Ok(Some(Past {
        keys: keys
            .map(|history| past_key(acting, webhook, &history, now).checked(checks))
            .collect(),
        has_more: past.has_more,
        is_whole: past.is_trail_whole,
    }))
}

/// How long ago a key may have ended that is shown.
pub(super) const fn past_time() -> Duration {
    Duration::from_secs(PAST_DAYS * 86_400)
}

fn past_key(acting: &Acting, webhook: &Webhook, history: &PastKeyHistory, now: Instant) -> Key {
    let past = &history.key;
    let mut key = Key {
        kind: BarKind::Ended,
        fingerprint: past.fingerprint.to_string(),
        protocol: past.protocol.map_or("", SigningProtocol::name),
        is_kept: false,
        from: past.made_at.map(Moment),
        until: Some(When::new(past.ended_at, now)),
        adoption: None,
        used: None,
        times_shown: Some(history.times_shown),
        history: Some(page_of(acting, past.fingerprint.as_str())),
        marks: shown(&history.shown),
        began: past.made_at.unwrap_or(webhook.created_at),
        ends: Some(past.ended_at),
    };
    key.adopted(history.adopted);
    key
}

/// Marks of the latest times that a key was shown.
fn shown(showings: &[Showing]) -> Vec<Mark> {
    let latest = showings.iter().take(MOST_SHOWINGS);
    latest
        .map(|showing| {
            let says = format!("shown to {}", showing.credential);
            Mark::new(MarkKind::Shown, showing.at, says)
        })
        .collect()
}

/// Where all that is known of a key stands.
fn page_of(acting: &Acting, fingerprint: &str) -> String {
    paths::page(acting.platform(), format_args!("leaks/{fingerprint}"))
}
