//! The keys of a webhook over time, as a picture: a bar for each, from when it began to when it ends, and a line for the present. It is
//! made here, and without styles of its own; the table beside it says the same in words.

use askama::Template;
use webhook_domain::time::Instant;

/// The width of the picture, in its own units.
const WIDTH: i64 = 720;
/// What is left free on both sides.
const MARGIN: i64 = 10;
/// The height of a key's row, and where the first begins.
const ROW: i64 = 34;
const TOP: i64 = 24;
const BAR: i64 = 16;

/// What a key is at present.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BarKind {
    Current,
    Retired,
    Ended,
}

impl BarKind {
    /// The word for it, which is also the class of its bar.
    const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Retired => "retired",
            Self::Ended => "ended",
        }
    }
}

/// A key.
pub(super) struct Bar {
    pub(super) kind: BarKind,
    pub(super) fingerprint: String,
    pub(super) from: Instant,
    /// Whether it is known that it began then, and not before.
    pub(super) is_from_known: bool,
    /// When it ends; a current one has no end.
    pub(super) until: Option<Instant>,
    pub(super) marks: Vec<Mark>,
}

/// Something that happened to a key.
#[derive(Clone)]
pub(super) struct Mark {
    pub(super) kind: MarkKind,
    pub(super) at: Instant,
    /// It in words.
    pub(super) says: String,
}

impl Mark {
    pub(super) fn new(kind: MarkKind, at: Instant, says: impl Into<String>) -> Self {
        Self {
            kind,
            at,
            says: says.into(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// It was shown to somebody.
    Shown,
    /// A check found that the receiver does not verify with it, or nothing.
    Checked,
    /// A check found that it does.
    CheckedWell,
    /// It was shown first that the receiver verifies with it.
    Adopted,
}

#[derive(Template)]
#[template(path = "webhooks/timeline.html")]
pub(super) struct Timeline {
    rows: Vec<Row>,
    width: i64,
    height: i64,
    now_x: i64,
    /// Where the word for it stands, which has room on both sides.
    now_text_x: i64,
    begin: String,
    end: String,
}

impl askama::filters::HtmlSafe for Timeline {}

struct Row {
    label: String,
    class: &'static str,
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    text_x: i64,
    text_y: i64,
    /// Whether the label ends at its place, for want of room behind it.
    is_text_before: bool,
    is_open: bool,
    has_ended: bool,
    /// Whether it began before the picture does.
    is_cut: bool,
    marks: Vec<Shape>,
}

/// A mark in its place.
struct Shape {
    kind: MarkKind,
    x: i64,
    y: i64,
}

impl Shape {
    fn is(&self, kind: &str) -> bool {
        kind == match self.kind {
            MarkKind::Shown => "shown",
            MarkKind::Checked => "checked",
            MarkKind::CheckedWell => "checked-well",
            MarkKind::Adopted => "adopted",
        }
    }
}

impl Timeline {
    /// The picture of `bars` at `now`; none without any. A key that has ended is cut at `since`, unless one that signs began before.
    pub(super) fn of(bars: &[Bar], since: Instant, now: Instant) -> Option<Self> {
        let signing = bars.iter().filter(|bar| bar.kind != BarKind::Ended);
        let since = signing
            .map(|bar| bar.from)
            .min()
            .map_or(since, |from| from.min(since));
        let begin = bars.iter().map(|bar| bar.from).min()?.max(since).min(now);
        let ends = bars.iter().filter_map(|bar| bar.until);
        let end = ends.max().unwrap_or(now).max(now);
        let span = end.since(begin).as_millis().max(10_000);
        // Some room behind the last instant, in which a current key goes on.
        let span = i64::try_from(span + span / 8).unwrap_or(i64::MAX);
        let scale = Scale { begin, span };
        let rows = bars
            .iter()
            .zip(0..)
            .map(|(bar, number)| scale.row(bar, TOP + number * ROW));
        Some(Self {
            rows: rows.collect(),
            width: WIDTH,
            height: TOP + ROW * i64::try_from(bars.len()).unwrap_or(0) + 18,
            now_x: scale.x(now),
            now_text_x: scale.x(now).clamp(MARGIN + 6, WIDTH - MARGIN - 6),
            begin: told(begin, span),
            end: told(end, span),
        })
    }
}

/// Where an instant stands in the picture.
struct Scale {
    begin: Instant,
    span: i64,
}

impl Scale {
    fn x(&self, at: Instant) -> i64 {
        let since = i64::try_from(at.since(self.begin).as_millis()).unwrap_or(i64::MAX);
        let room = WIDTH - 2 * MARGIN;
        let across = i128::from(since.min(self.span)) * i128::from(room) / i128::from(self.span);
        MARGIN + i64::try_from(across).unwrap_or(room)
    }

    fn row(&self, bar: &Bar, y: i64) -> Row {
        let x = self.x(bar.from);
        let end = bar.until.map_or(WIDTH - MARGIN, |until| self.x(until));
        let marks = bar.marks.iter().map(|mark| Shape {
            kind: mark.kind,
            x: self.x(mark.at),
            y: y + BAR / 2,
        });
        let is_text_before = x > WIDTH / 2;
        Row {
            text_x: if is_text_before { end.max(x) } else { x },
            is_text_before,
            label: label(bar),
            class: bar.kind.word(),
            x,
            y,
            width: (end - x).max(2),
            height: BAR,
            text_y: y + BAR + 11,
            is_open: bar.until.is_none(),
            has_ended: bar.kind == BarKind::Ended,
            is_cut: bar.from < self.begin,
            marks: marks.collect(),
        }
    }
}

fn label(bar: &Bar) -> String {
    let role = bar.kind.word();
    let began = if bar.is_from_known {
        ""
    } else {
        ", began at an unknown time"
    };
    let short = bar.fingerprint.trim_start_matches("sha256:");
    format!("{role} {short}{began}")
}

/// From which span on, in milliseconds, days tell the ends of a picture apart.
const DAYS: i64 = 3 * 86_400_000;

/// An end of a picture that spans so many milliseconds: its day, and if that says little its time.
fn told(at: Instant, span: i64) -> String {
    let text = at.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    match span < DAYS {
        true => format!("{day} {} UTC", time.get(..5).unwrap_or(time)),
        false => day.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use webhook_domain::testing::ManualClock;

    fn bar(from: Instant, until: Option<Instant>) -> Bar {
        Bar {
            fingerprint: "sha256:0123456789abcdef".into(),
            kind: match until {
                None => BarKind::Current,
                Some(until) if until <= ManualClock::START => BarKind::Ended,
                Some(_) => BarKind::Retired,
            },
            from,
            is_from_known: true,
            until,
            marks: Vec::new(),
        }
    }

    #[test]
    fn bars_stand_where_their_time_is() {
        let now = ManualClock::START;
        let day = Duration::from_secs(86_400);
        let bars = [
            bar(now.minus(day), None),
            bar(now.minus(day * 3), Some(now.plus(day))),
        ];
        let picture = Timeline::of(&bars, now, now).unwrap();
        let [current, retired] = &picture.rows[..] else {
            panic!("two rows")
        };
        assert_eq!(retired.x, MARGIN);
        assert_eq!(current.x + current.width, WIDTH - MARGIN);
        assert!(retired.x + retired.width < WIDTH - MARGIN);
        assert!(current.x < picture.now_x && picture.now_x < retired.x + retired.width);
        assert_eq!((picture.begin.len(), picture.end.len()), (10, 10), "their days");
        // A day is as long as another.
        let day = picture.now_x - current.x;
        assert!((current.x - retired.x - 2 * day).abs() <= 2);
    }

    #[test]
    fn a_key_that_has_ended_stands_before_the_present_and_is_cut_where_the_picture_begins() {
        let now = ManualClock::START;
        let day = Duration::from_secs(86_400);
        let ended = bar(now.minus(day * 400), Some(now.minus(day)));
        let picture = |bars: &[Bar]| Timeline::of(bars, now.minus(day * 90), now).unwrap();
        let with_new = picture(&[bar(now.minus(day), None), ended]);
        let [current, row] = &with_new.rows[..] else {
            panic!("two rows")
        };
        assert!(row.has_ended && row.is_cut && !current.has_ended && !current.is_cut);
        assert!(row.label.starts_with("ended "));
        assert_eq!((row.x, row.x + row.width), (MARGIN, current.x));
        assert!(current.x < with_new.now_x);
        assert_eq!(with_new.begin, "2024-01-13");
        let ended = bar(now.minus(day * 400), Some(now.minus(day)));
        let with_old = picture(&[bar(now.minus(day * 500), None), ended]);
        assert!(!with_old.rows[1].is_cut, "a key that signs began before");
    }

    #[test]
    fn a_key_of_this_moment_and_one_of_all_time_can_be_drawn() {
        let now = ManualClock::START;
        assert!(Timeline::of(&[], now, now).is_none());
        for from in [
            now,
            Instant::from_milliseconds(0),
            now.plus(Duration::from_secs(60)),
        ] {
            let picture = Timeline::of(&[bar(from, None)], now, now).unwrap();
            assert!(picture.rows[0].width >= 2);
            assert_eq!(
                picture.end.ends_with(" UTC"),
                from != Instant::from_milliseconds(0),
                "{}",
                picture.end
            );
            assert!(picture.now_x <= WIDTH - MARGIN);
        }
    }
}
