//! What a restore has brought back, for people and programs. Keys are named by their fingerprints; no secret is shown.

use std::fmt::Write as _;

use serde_json::{Value, json};
use webhook_domain::access::api_key::ApiKey;
use webhook_domain::ports::Pause;
use webhook_domain::restored::{DifferingRing, NamedWebhook};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::Fingerprint;

use super::compare::{Compared, Differences};
use super::mend::Mended;
use super::place::Placed;
use crate::commands::Format;
use crate::commands::backup::counts;
use crate::commands::local::{answer, answer_json};
use crate::exit::Failure;

/// What is not known where there is nothing to compare with.
const UNKNOWN: &str = "what was done after the backup is not known: keys and API keys that were revoked since are good again, keys that were \
     made since are lost, webhooks that were deleted since are there again, and events that were accepted since are lost. Roll \
     every webhook whose key may have been revoked, before deliveries go on: `webhook-server webhook roll ID \
     --previous-secret-expires-in 0`";

/// Says what was restored, and what differs.
pub(super) fn show(
    placed: Option<&Placed>,
    pause: Pause,
    compared: &Compared,
    format: Format,
) -> Result<(), Failure> {
    if format == Format::Json {
        return answer_json(&json!({
            "restored": placed.map(|placed| placed.file.display().to_string()),
            "audit_head": placed.map(|placed| placed.contents.head.to_string()),
            "replaced_database": placed.and_then(|placed| Some(placed.kept.as_ref()?.display().to_string())),
            "deliveries_paused_since": pause.since.to_string(),
            "compared": compared_json(compared),
        }));
    }
    let mut text = String::new();
    if let Some(placed) = placed {
        let contents = &placed.contents;
        line(
            &mut text,
            format_args!(
                "restored {}: {}, head {}",
                placed.file.display(),
                counts(contents),
                contents.head
            ),
        );
        if let Some(kept) = &placed.kept {
            line(
                &mut text,
                format_args!("the database that was replaced is kept as {}", kept.display()),
            );
        }
    }
    line(
        &mut text,
        format_args!(
            "deliveries are paused since {}; `webhook-server deliveries resume` lets them go on",
            pause.since
        ),
    );
    match compared {
        Compared::NothingReplaced => line(
            &mut text,
            format_args!("there is no database to compare with: {UNKNOWN}"),
        ),
        Compared::Unreadable(why) => line(
            &mut text,
            format_args!("the database that was replaced cannot be read ({why}): {UNKNOWN}"),
        ),
        Compared::Differences(differences) => tell(&mut text, differences),
    }
    answer(&text)
}

fn tell(text: &mut String, differences: &Differences) {
    let webhooks = &differences.webhooks;
    line(
        text,
        format_args!("webhooks whose keys differ: {}", webhooks.differing.len()),
    );
    for ring in &webhooks.differing {
        line(text, format_args!("  {}", named(&ring.webhook)));
        line(text, format_args!("    {}", difference(ring)));
    }
    let listed = |text: &mut String, title: &str, webhooks: &[NamedWebhook]| {
        line(text, format_args!("{title}: {}", webhooks.len()));
        for webhook in webhooks {
            line(text, format_args!("  {}", named(webhook)));
        }
    };
    listed(
        text,
        "webhooks deleted since the backup, and there again",
        &webhooks.deleted_since,
    );
    listed(
        text,
        "webhooks made since the backup, and lost",
        &webhooks.made_since,
    );
    line(
        text,
        format_args!(
            "API keys revoked since the backup, and in force again: {}",
            differences.revived.len()
        ),
    );
    for key in &differences.revived {
        line(text, format_args!("  {}", named_key(key)));
    }
    line(
        text,
        format_args!(
            "events accepted since the backup, and lost: {}\ndeliveries that came to their end since the backup, and are made again: {}",
            differences.events.lost, differences.events.sent_again
        ),
    );
}

fn difference(ring: &DifferingRing) -> String {
    let mut text = match ring.rolled_at {
        Some(at) => format!(
            "the replaced database signed with {}, rolled last at {at}; ",
            keys(&ring.signed_before)
        ),
        None => format!(
            "the replaced database signed with {}; ",
            keys(&ring.signed_before)
        ),
    };
    let _ = write!(text, "the backup would sign with {}", keys(&ring.signs_now));
    if !ring.revoked.is_empty() {
        let _ = write!(text, ", of which {} was REVOKED since", keys(&ring.revoked));
    }
    if !ring.lost.is_empty() {
        let _ = write!(text, "; {} is lost", keys(&ring.lost));
    }
    text
}

fn keys(fingerprints: &[Fingerprint]) -> String {
    match fingerprints {
        [] => "no key".to_owned(),
        keys => keys
            .iter()
            .map(Fingerprint::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn named(webhook: &NamedWebhook) -> String {
    format!(
        "{} of platform {}, {:?}, {}",
        webhook.id,
        webhook.platform,
        webhook.name.as_deref().unwrap_or_default(),
        webhook.url.as_deref().unwrap_or("without url")
    )
}

fn named_key(key: &ApiKey) -> String {
    let name = key.name.as_ref().map(|name| name.as_str()).unwrap_or_default();
    format!("{} of platform {}, {name:?}", key.id, key.scope)
}

/// Says what was done about it, and what is still to do.
pub(super) fn show_mended(differences: &Differences, mended: &Mended, format: Format) -> Result<(), Failure> {
    let rings = &differences.webhooks.differing;
    let rolled: Vec<_> = rings.iter().zip(&mended.rolled).collect();
    let revoked: Vec<_> = differences.revived.iter().zip(&mended.revoked).collect();
    if format == Format::Json {
        let rolled = rolled.iter().map(|(ring, error)| {
            json!({"webhook_id": ring.webhook.id.to_string(), "platform": ring.webhook.platform.to_string(), "error": error})
        });
        let revoked = revoked
            .iter()
            .map(|(key, error)| json!({"api_key_id": key.id.to_string(), "error": error}));
        answer_json(&json!({"rolled": rolled.collect::<Vec<_>>(), "revoked": revoked.collect::<Vec<_>>()}))?;
    } else {
        answer(&told(&rolled, &revoked, differences))?;
    }
    let failed = [&mended.rolled, &mended.revoked]
        .into_iter()
        .flatten()
        .filter(|error| error.is_some());
    match failed.count() {
        0 => Ok(()),
        count => Err(Failure::found(format!(
            "{count} of these could not be done; deliveries stay paused"
        ))),
    }
}

fn told(
    rolled: &[(&DifferingRing, &Option<String>)],
    revoked: &[(&ApiKey, &Option<String>)],
    differences: &Differences,
) -> String {
    let mut text = String::new();
    for (ring, error) in rolled {
        let (id, platform) = (ring.webhook.id, &ring.webhook.platform);
        match error {
            Some(error) => line(
                &mut text,
                format_args!("NOT rolled: {id} of platform {platform}: {error}"),
            ),
            None => {
                let before = match ring.overlap {
                    Overlap::NONE => "no older key signs any more".to_owned(),
                    overlap => format!("the key before signs for {} seconds more", overlap.as_seconds()),
                };
                line(
                    &mut text,
                    format_args!(
                        "rolled {id}: {before}; its receiver needs the new secret, which \
                         `webhook-server webhook show {id} --platform {platform} --reveal` shows"
                    ),
                );
            }
        }
    }
    for (key, error) in revoked {
        match error {
            Some(error) => line(&mut text, format_args!("NOT revoked: {}: {error}", key.id)),
            None => line(&mut text, format_args!("revoked {}", key.id)),
        }
    }
    if rolled.is_empty() && !differences.webhooks.differing.is_empty() {
        line(
            &mut text,
            format_args!(
                "nothing was rolled: roll the webhooks above before deliveries go on, or call `webhook-server restore` again \
                 with --replaced and --roll-differing"
            ),
        );
    }
    text
}

fn compared_json(compared: &Compared) -> Value {
    let differences = match compared {
        Compared::NothingReplaced => return json!({"unknown": "there is no database to compare with"}),
        Compared::Unreadable(why) => return json!({"unknown": why}),
        Compared::Differences(differences) => differences,
    };
    let names = |webhooks: &[NamedWebhook]| -> Vec<Value> { webhooks.iter().map(named_json).collect() };
    let prints =
        |keys: &[Fingerprint]| -> Vec<String> { keys.iter().map(|key| key.as_str().to_owned()).collect() };
    let differing = differences.webhooks.differing.iter().map(|ring| {
        json!({
            "webhook": named_json(&ring.webhook),
            "signs_now": prints(&ring.signs_now),
            "signed_before": prints(&ring.signed_before),
            "revoked": prints(&ring.revoked),
            "lost": prints(&ring.lost),
            "rolled_at": ring.rolled_at.map(|at| at.to_string()),
        })
    });
    json!({
        "differing": differing.collect::<Vec<_>>(),
        "deleted_since": names(&differences.webhooks.deleted_since),
        "made_since": names(&differences.webhooks.made_since),
        "api_keys_in_force_again": differences.revived.iter().map(|key| key.id.to_string()).collect::<Vec<_>>(),
        "events_lost": differences.events.lost,
        "deliveries_made_again": differences.events.sent_again,
    })
}

fn named_json(webhook: &NamedWebhook) -> Value {
    json!({
        "id": webhook.id.to_string(),
        "platform": webhook.platform.to_string(),
        "name": webhook.name,
        "url": webhook.url,
    })
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{words}");
}
