//! What is known of keys, for people.

use webhook_domain::access::key_history::{KeyHistory, KeyState, Showing};
use webhook_domain::id::PlatformId;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;

use super::report::Suspect;
use crate::commands::counted;
use crate::commands::local::printable;
use crate::commands::table::table;

/// How many times that a key was shown stand in the report: the latest.
const SHOWN: usize = 20;
/// How many hosts do: those with the most attempts.
const HOSTS: usize = 10;

/// All of a key if there is one, or a table of many.
pub(super) fn report(platform: &PlatformId, suspects: &[Suspect]) -> String {
    match suspects {
        [one] => {
            let mut text = format!("key {}, platform {platform}\n", one.key);
            match (one.histories.is_empty(), one.is_readable) {
                (_, false) => text.push_str("what is stored of it cannot be read\n"),
                (true, true) => text.push_str("no webhook of this platform has or had it\n"),
                (false, true) => {}
            }
            for history in &one.histories {
                text.push_str(&whole(platform, history));
            }
            text
        }
        many => summary(many),
    }
}

fn whole(platform: &PlatformId, history: &KeyHistory) -> String {
    let mut text = format!("\n{}\n  {}\n", whose(history), state(history));
    for line in signed(history) {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str(&format!("  {}\n", shown(history)));
    if !history.shown.is_empty() {
        let rows: Vec<_> = history.shown.iter().take(SHOWN).map(row).collect();
        text.push('\n');
        text.push_str(&table(["SHOWN AT", "BY", "TO", "REQUEST"], &rows));
    }
    text.push_str("\nwhat to do now:\n");
    for line in to_do(platform, history) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn whose(history: &KeyHistory) -> String {
    let name = history.webhook_name.as_ref();
    let name = name
        .map(|name| format!(" ({})", printable(&name.to_string())))
        .unwrap_or_default();
    let gone = if history.webhook_exists {
        ""
    } else {
        ", which was deleted"
    };
    format!("webhook {}{name}{gone}", history.webhook)
}

fn state(history: &KeyHistory) -> String {
    let from = history
        .signs_from
        .map(|at| format!(" from {at}"))
        .unwrap_or_default();
    let until = instant(history.signs_until);
    match history.state {
        KeyState::Current => {
            let since = history
                .signs_from
                .map(|at| format!(" since {at}"))
                .unwrap_or_default();
            format!("CURRENT: it signs{since}")
        }
        KeyState::Retired => format!("RETIRED: it signs{from} until {until}"),
        KeyState::Expired => format!("EXPIRED: it signed{from} until {until}"),
    }
}

fn instant(at: Option<Instant>) -> String {
    at.map_or_else(|| "an unknown instant".to_owned(), |at| at.to_string())
}

fn signed(history: &KeyHistory) -> Vec<String> {
    let used = &history.used;
    let since = history.attempts_kept_since;
    let (Some(first), Some(last)) = (used.first_at, used.last_at) else {
        return vec![format!(
            "it signed nothing that is kept; attempts at events since {since} are"
        )];
    };
    let attempts = counted(used.attempts, "attempt");
    let events = counted(used.deliveries, "event");
    let mut lines = vec![format!(
        "it signed {attempts} at {events}, from {first} to {last}; attempts at events since {since} are kept"
    )];
    let mut hosts: Vec<_> = used.hosts.iter().collect();
    hosts.sort_by_key(|(_, attempts)| std::cmp::Reverse(**attempts));
    let named = hosts.iter().take(HOSTS);
    lines.extend(
        named.map(|(host, attempts)| format!("to {}: {}", printable(host), counted(**attempts, "attempt"))),
    );
    if hosts.len() > HOSTS {
        lines.push(format!(
            "to {} more",
            counted((hosts.len() - HOSTS) as u64, "host")
        ));
    }
    lines
}

fn shown(history: &KeyHistory) -> String {
    if history.protocol == Some(SigningProtocol::Ed25519) {
        return "its private half was shown to nobody: it never leaves the service".to_owned();
    }
    let times = counted(history.times_shown, "time");
    let more = match history.is_trail_whole {
        true => "",
        false => " by the latest 20,000 audit records, and perhaps before",
    };
    let rest = if history.times_shown > SHOWN as u64 {
        "; the latest are"
    } else {
        ""
    };
    format!("it was shown {times}{more}{rest}")
}

fn row(shown: &Showing) -> [String; 4] {
    [
        shown.at.to_string(),
        shown.action.name().to_owned(),
        printable(&shown.credential.to_string()),
        printable(shown.request.as_str()),
    ]
}

/// The next steps, with the commands.
fn to_do(platform: &PlatformId, history: &KeyHistory) -> Vec<String> {
    let (id, key) = (history.webhook, &history.fingerprint);
    let mut lines = Vec::new();
    match history.state {
        KeyState::Current => {
            lines.push(
                "end it, and all older keys with it; then give the receiver the new secret:".to_owned(),
            );
            lines.push(format!(
                "webhook-server webhook roll --platform {platform} {id} --previous-secret-expires-in 0"
            ));
        }
        KeyState::Retired => {
            lines.push("end it; the current key goes on signing:".to_owned());
            lines.push(format!(
                "webhook-server webhook retired-secret --platform {platform} {id} {key} --expires-in 0"
            ));
        }
        KeyState::Expired => {
            lines.push("nothing signs with it any more; see that the receiver takes it no more".to_owned())
        }
    }
    if history.used.attempts > 0 {
        lines.push("see what it has signed:".to_owned());
        lines.push(format!(
            "webhook-server event list --platform {platform} --key-fingerprint {key}"
        ));
    }
    lines.push("see what else was done to the webhook:".to_owned());
    lines.push(format!(
        "webhook-server audit list --platform {platform} --resource-id {id}"
    ));
    lines
}

/// A line for each key and webhook.
fn summary(suspects: &[Suspect]) -> String {
    let mut rows = Vec::new();
    for suspect in suspects {
        let (key, times) = (suspect.key.to_string(), suspect.times.to_string());
        if suspect.histories.is_empty() {
            let nothing = || "-".to_owned();
            rows.push([
                key,
                times,
                if suspect.is_readable {
                    "UNKNOWN"
                } else {
                    "UNREADABLE"
                }
                .to_owned(),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
            ]);
            continue;
        }
        rows.extend(suspect.histories.iter().map(|history| {
            let until = history
                .signs_until
                .map_or_else(|| "-".to_owned(), |at| at.to_string());
            [
                key.clone(),
                times.clone(),
                history.state.name().to_owned(),
                history.webhook.to_string(),
                until,
                history.times_shown.to_string(),
                history.used.attempts.to_string(),
            ]
        }));
    }
    table(
        [
            "KEY",
            "FOUND",
            "STATE",
            "WEBHOOK",
            "SIGNS UNTIL",
            "SHOWN",
            "SIGNED",
        ],
        &rows,
    )
}
