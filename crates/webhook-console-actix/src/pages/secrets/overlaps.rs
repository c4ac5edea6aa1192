//! How long a key that is retired goes on signing, as a choice.

use webhook_domain::signing::key_ring::Overlap;

use crate::trouble::Trouble;

/// A choice: its value, and what is shown.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) is_chosen: bool,
}

const SECONDS: [(u32, &str); 7] = [
    (0, "not at all: for a leak"),
    (600, "10 minutes"),
    (3_600, "1 hour"),
    (21_600, "6 hours"),
    (86_400, "1 day"),
    (259_200, "3 days"),
    (604_800, "7 days"),
];

/// The choices, with the one that `chosen` is; empty is what the deployment has.
pub(crate) fn choices(chosen: &str, default: Overlap) -> Vec<Choice> {
    let seconds = default.as_seconds();
    let known = SECONDS.iter().find(|(known, _)| *known == seconds);
    let text = known.map_or_else(|| format!("{seconds} seconds"), |(_, text)| (*text).to_owned());
    let default = Choice {
        value: String::new(),
        text: format!("as usual here ({text})"),
        is_chosen: chosen.is_empty(),
    };
    let others = SECONDS.iter().map(|(seconds, text)| Choice {
        value: seconds.to_string(),
        text: (*text).to_owned(),
        is_chosen: seconds.to_string() == chosen,
    });
    std::iter::once(default).chain(others).collect()
}

/// The overlap that was chosen; none is what the deployment has.
pub(crate) fn read(chosen: &str) -> Result<Option<Overlap>, Trouble> {
    if chosen.is_empty() {
        return Ok(None);
    }
    let seconds = chosen.parse().map_err(|_| Trouble::NoForm)?;
    Overlap::from_seconds(seconds)
        .map(Some)
        .map_err(|_| Trouble::NoForm)
}
