//! What the wall clocks of the processes showed when. It leads from a time that a process tells to the moment at which its clock
//! told it.
//!
//! All are in whole seconds, and clocks are wrong by whole seconds: so the way back is exact.

/// How many seconds an attempt takes at most from its beginning until it arrives, on a machine that is busy with other things,
/// unless its process is stopped meanwhile.
const LATE: i64 = 5;

/// From when until when a clock was ahead, and by how much; behind if that is negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) ahead: i64,
}

/// From when until when a process was stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped {
    pub(crate) place: usize,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// A moment at which a clock was asked, and how far it was ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) at: i64,
    pub(crate) ahead: i64,
}

impl Moment {
    /// What the clock showed.
    pub(crate) fn shown(self) -> i64 {
        self.at + self.ahead
    }
}

/// The clocks of all processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks {
    /// By place, in the order of time, without a gap.
    pub(crate) shown: Vec<Vec<Shown>>,
    pub(crate) stopped: Vec<Stopped>,
}

impl Clocks {
    /// Between `earliest` and `latest`, when and where a clock showed `time`.
    pub(crate) fn showing(
        &self,
        time: i64,
        earliest: i64,
        latest: i64,
    ) -> impl Iterator<Item = (usize, Moment)> {
        let places = self.shown.iter().enumerate();
        let all = places.flat_map(|(place, shown)| shown.iter().map(move |shown| (place, shown)));
        all.filter_map(move |(place, shown)| {
            let at = time - shown.ahead;
            let ahead = shown.ahead;
            let fits = (shown.from..=shown.until).contains(&at) && (earliest..=latest).contains(&at);
            fits.then_some((place, Moment { at, ahead }))
        })
    }

    /// When an attempt may have begun that says `time` of itself and arrived at `arrived`. Several clocks may have shown the same
    /// time; then it may have been any of their processes.
    pub(crate) fn beginnings(&self, time: i64, arrived: i64) -> Vec<Moment> {
        let possible = self.showing(time, 0, arrived);
        let in_time = possible.filter(|(place, moment)| {
            arrived - moment.at <= LATE || self.stopped(*place, moment.at, arrived)
        });
        in_time.map(|(_, moment)| moment).collect()
    }

    /// Whether the process was stopped after `began`, and an attempt that arrived at `arrived` may have waited for its end.
    fn stopped(&self, place: usize, began: i64, arrived: i64) -> bool {
        self.stopped.iter().any(|stopped| {
            stopped.place == place
                && (stopped.from - LATE..=stopped.until).contains(&began)
                && (stopped.from..=stopped.until + LATE).contains(&arrived)
        })
    }

    /// When a clock showed `time`, or a later time, first since `earliest`.
    pub(crate) fn first_past(&self, time: i64, earliest: i64) -> i64 {
        let all = self.shown.iter().flatten();
        let past = all.filter_map(|shown| {
            let at = shown.from.max(time - shown.ahead).max(earliest);
            (at <= shown.until).then_some(at)
        });
        past.min().unwrap_or(i64::MAX)
    }

    /// The latest time that a clock has shown until `at`.
    pub(crate) fn latest_shown(&self, at: i64) -> i64 {
        let all = self.shown.iter().flatten();
        let shown = all
            .filter(|shown| shown.from <= at)
            .map(|shown| shown.until.min(at) + shown.ahead);
        shown.max().unwrap_or(at)
    }
}
