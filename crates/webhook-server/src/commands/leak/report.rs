//! `leak report`: looks keys up by their fingerprints, says what is known of them, and ends those that sign if asked to.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::key_history::{KeyHistory, KeyState};
use webhook_domain::id::PlatformId;
use webhook_domain::ports::Outcome;
use webhook_domain::services::{KeyHistoryService, RollSecret, SecretKeyService, SetExpiry};
use webhook_domain::signing::found_key::Found;
use webhook_domain::signing::key_ring::{ExpiresIn, Overlap};
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::webhook::Precondition;
use webhook_domain::{Refusal, ServiceError, StoreError};
use webhook_http_actix::wire::{SigningKeyJson, described};

use super::{suspects, written};
use crate::commands::local::{Local, answer, answer_json, cannot, confirmed, remark};
use crate::commands::{Format, counted};
use crate::exit::Failure;
use crate::settings::Settings;

/// How many webhooks of one key are asked for at a time.
const STEP: u32 = 100;
/// Status: a key still signs.
const SIGNS: u8 = 3;
/// Status: no key is known.
const UNKNOWN: u8 = 4;

/// The keys to report on.
#[derive(Args)]
pub(crate) struct ReportArguments {
    /// A file with the secret, or with a scanner's output; `-` is standard input
    #[arg(required_unless_present = "fingerprint", conflicts_with = "fingerprint")]
    file: Option<PathBuf>,
    /// The fingerprint of the key, sha256:…, instead of the key
    #[arg(long)]
    fingerprint: Option<Fingerprint>,
    /// The platform whose keys they may be
    #[arg(long, default_value = "default")]
    platform: PlatformId,
    /// End every key that still signs: roll a current key with an overlap of 0, which ends all older keys of its webhook too, and end a
    /// retired key alone
    #[arg(long)]
    revoke: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A key that was found, and what is known of it.
pub(super) struct Suspect {
    pub(super) key: Fingerprint,
    /// How often it was found.
    pub(super) times: u64,
    /// For each webhook that has or had it; none if there is none.
    pub(super) histories: Vec<KeyHistory>,
    /// Whether all that the database has of it can be read.
    pub(super) is_readable: bool,
}

impl Suspect {
    /// Whether it signs, if that is known.
    fn signs(&self) -> Option<bool> {
        let signs = self.signing().next().is_some();
        (signs || self.is_readable).then_some(signs)
    }

    /// Where the key signs.
    pub(super) fn signing(&self) -> impl Iterator<Item = &KeyHistory> {
        self.histories
            .iter()
            .filter(|history| history.state != KeyState::Expired)
    }
}

/// Reports, and revokes if asked to.
pub(super) fn run(settings: Settings, arguments: ReportArguments, format: Format) -> Result<(), Failure> {
    let found = match (&arguments.file, arguments.fingerprint) {
        (Some(file), _) => suspects::read(file)?,
        (None, fingerprint) => Found {
            keys: fingerprint.into_iter().map(|key| (key, 1)).collect(),
            broken: 0,
        },
    };
    let kept_for = settings.event_retention;
    let overlap = settings.previous_secret_ttl;
    let local = Local::open(settings)?;
    let acting = local.acting_on(Some(arguments.platform.clone()))?;
    let service = KeyHistoryService {
        webhooks: local.open.store.clone(),
        audit: local.open.store.clone(),
        events: local.open.store.clone(),
        clock: local.open.clock.clone(),
        events_kept_for: kept_for,
    };
    let look_up = |found: &Found| -> Result<Vec<Suspect>, Failure> {
        let keys = found.keys.iter();
        keys.map(|(key, times)| suspect(&local, &service, &acting, key, *times))
            .collect()
    };
    let mut suspects = look_up(&found)?;
    if found.broken > 0 {
        let places = counted(found.broken, "place");
        remark(&format!(
            "{places} that begin like a key were passed over: what is there is cut off, redacted or no key"
        ));
    }
    if arguments.revoke && suspects.iter().any(|suspect| suspect.signing().next().is_some()) {
        revoke(&local, &acting, &suspects, overlap, arguments.yes)?;
        suspects = look_up(&found)?;
    }
    match format {
        Format::Json => answer_json(&as_json(&arguments.platform, &suspects, found.broken))?,
        Format::Text => answer(&written::report(&arguments.platform, &suspects))?,
    }
    verdict(&arguments.platform, &suspects)
}

/// What is known of a key, for all webhooks that have or had it.
fn suspect(
    local: &Local,
    service: &KeyHistoryService,
    acting: &Acting,
    key: &Fingerprint,
    times: u64,
) -> Result<Suspect, Failure> {
    let mut histories: Vec<KeyHistory> = Vec::new();
    loop {
        let after = histories.last().map(|history| history.webhook);
        let part = match local.outcome(service.read(acting, key, after, STEP)) {
            Ok(part) => part,
            Err(ServiceError::Refused(Refusal::NotFound { .. })) => Vec::new(),
            // What cannot be read keeps no other key from being looked up, and ended.
            Err(error @ ServiceError::Store(StoreError::Corrupt(_))) => {
                remark(cannot(&format!("look {key} up"), &error).message());
                return Ok(Suspect {
                    key: key.clone(),
                    times,
                    histories,
                    is_readable: false,
                });
            }
            Err(error) => return Err(cannot("look the key up", &error)),
        };
        let is_last = part.len() < STEP as usize;
        histories.extend(part);
        if is_last {
            return Ok(Suspect {
                key: key.clone(),
                times,
                histories,
                is_readable: true,
            });
        }
    }
}

/// Ends what still signs.
fn revoke(
    local: &Local,
    acting: &Acting,
    suspects: &[Suspect],
    default_overlap: Overlap,
    is_sure: bool,
) -> Result<(), Failure> {
    let (mut to_roll, mut to_end) = (Vec::new(), Vec::new());
    for history in suspects.iter().flat_map(Suspect::signing) {
        match history.state {
            KeyState::Current => to_roll.push(history.webhook),
            KeyState::Retired => to_end.push((history.webhook, history.fingerprint.clone())),
            KeyState::Expired => {}
        }
    }
    to_roll.sort_unstable();
    to_roll.dedup();
    // A roll with an overlap of 0 ends all older keys of the webhook.
    to_end.retain(|(webhook, _)| to_roll.binary_search(webhook).is_err());
    let rolls = counted(to_roll.len() as u64, "webhook");
    let ends = counted(to_end.len() as u64, "retired key");
    let question = format!(
        "roll {rolls} with an overlap of 0, and end {ends} at once? Receivers refuse deliveries until they have the new secret"
    );
    if !is_sure && !confirmed(&question)? {
        return Err(Failure::with_status(SIGNS, "nothing was revoked".to_owned()));
    }
    let store = &local.open.store;
    let (clock, entropy) = (&local.open.clock, &local.open.entropy);
    let service = SecretKeyService::new(store.clone(), clock.clone(), entropy.clone(), default_overlap)
        .announcing(described);
    for webhook in to_roll {
        let roll = RollSecret {
            overlap: Some(Overlap::NONE),
            ..RollSecret::default()
        };
        let rolled = local.outcome(service.roll(acting, webhook, roll));
        let platform = acting.platform();
        tell(&format!("roll {webhook}"), rolled, || {
            format!(
                "rolled {webhook}; give its receiver the new secret: `webhook-server webhook show --platform {platform} {webhook} --reveal`"
            )
        });
    }
    for (webhook, fingerprint) in to_end {
        let doing = format!("end the retired key {fingerprint} of {webhook}");
        let set = SetExpiry {
            fingerprint,
            expires_in: ExpiresIn::AT_ONCE,
            precondition: Precondition::default(),
            idempotent: None,
        };
        let ended = local.outcome(service.set_expiry(acting, webhook, set));
        tell(&doing, ended, || format!("ended the retired key of {webhook}"));
    }
    Ok(())
}

/// Says what came of ending a key. One that cannot be ended keeps no other from it: what signs then is in the report that follows.
fn tell(doing: &str, ended: Result<Outcome, ServiceError>, said: impl FnOnce() -> String) {
    match ended {
        Ok(_) => remark(&said()),
        Err(ServiceError::Refused(Refusal::NotFound { .. })) => {
            remark(&format!("need not {doing}: it signs no more"));
        }
        Err(error) => remark(cannot(doing, &error).message()),
    }
}

fn as_json(platform: &PlatformId, suspects: &[Suspect], broken: u64) -> serde_json::Value {
    let keys = suspects.iter().map(|suspect| {
        json!({
            "fingerprint": suspect.key.as_str(),
            "times_found": suspect.times,
            "signs": suspect.signs(),
            "signing_keys": suspect.histories.iter().map(SigningKeyJson::new).collect::<Vec<_>>(),
        })
    });
    json!({"platform": platform.to_string(), "keys": keys.collect::<Vec<_>>(), "passed_over": broken})
}

/// How the command ends.
fn verdict(platform: &PlatformId, suspects: &[Suspect]) -> Result<(), Failure> {
    let signing = suspects
        .iter()
        .filter(|suspect| suspect.signing().next().is_some())
        .count();
    if signing > 0 {
        let keys = counted(signing as u64, "key");
        let verb = if signing == 1 { "signs" } else { "sign" };
        return Err(Failure::with_status(SIGNS, format!("{keys} still {verb}")));
    }
    let unreadable = suspects.iter().filter(|suspect| !suspect.is_readable).count();
    if unreadable > 0 {
        let keys = counted(unreadable as u64, "key");
        return Err(Failure::found(format!(
            "it is not known whether {keys} of these sign"
        )));
    }
    match suspects.iter().all(|suspect| suspect.histories.is_empty()) {
        true => Err(Failure::with_status(
            UNKNOWN,
            format!(
                "no webhook of platform {platform} has or had such a key; other platforms are not looked at"
            ),
        )),
        false => Ok(()),
    }
}
