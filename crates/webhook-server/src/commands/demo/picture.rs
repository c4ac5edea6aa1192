//! The last screen of a demo: what happened when, which key verified how much in each second, and the tally.

use super::progress::line;
use super::tally::{Second, Tally};

/// From few to many.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// What the highest bar stands for: twice the stream. What piled up is delivered in an instant, and would dwarf the rest.
const FULL: u64 = 80;

/// The picture of `tally`.
pub(super) fn of(tally: &Tally) -> String {
    let row = |count: fn(&Second) -> u64| -> String {
        tally.timeline.iter().map(|second| bar(count(second))).collect()
    };
    let mut lines = vec!["What happened".to_owned(), String::new()];
    lines.extend(tally.milestones.iter().map(line));
    lines.extend([
        String::new(),
        format!("Deliveries verified in each second, by the key the receiver held (█: {FULL} or more)"),
        String::new(),
        format!(
            "  old {}  |{}|",
            tally.fingerprints.old.as_str(),
            row(|second| second.old)
        ),
        format!(
            "  new {}  |{}|",
            tally.fingerprints.new.as_str(),
            row(|second| second.new)
        ),
        String::new(),
        format!(
            "  sent {}   verified {}   rejected {}   lost {}   duplicates {}",
            tally.sent, tally.verified, tally.rejected, tally.lost, tally.duplicates
        ),
        String::new(),
        format!(
            "{} deliveries after the roll were verified with the old key, because both keys signed.",
            tally.verified_by_old_key_after_roll
        ),
        format!(
            "{} requests were sent again while the server was down, under the same Idempotency-Key.",
            tally.publish_retries
        ),
    ]);
    lines.join("\n") + "\n"
}

/// The bar of `count`. What is not nothing is to be seen.
fn bar(count: u64) -> char {
    if count == 0 {
        return ' ';
    }
    let highest = BARS.len() - 1;
    let eighths = usize::try_from(count.min(FULL) * 8 / FULL).unwrap_or(highest);
    BARS.get(eighths.saturating_sub(1)).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_share_and_never_vanishes() {
        let bars: String = [0, 1, 40, 80, 800].into_iter().map(bar).collect();
        assert_eq!(bars, " ▁▄██");
    }
}
