//! Runs, rounds, and the medians of them.

use std::{collections::BTreeMap, time::Duration};

/// Rolls over one number of connections for a while.
pub(crate) struct Run {
    per_second: f64,
    median: Duration,
    ninety_ninth: Duration,
}

impl Run {
    /// The run of `duration` in which answers took `latencies`.
    pub(crate) fn new(mut latencies: Vec<Duration>, duration: Duration) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
        Self {
            per_second: latencies.len() as f64 / duration.as_secs_f64(),
            median: at(0.5),
            ninety_ninth: at(0.99),
        }
    }

    /// Rolls per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.per_second
    }
}

/// A run, and what the database could do right before it.
pub(crate) struct Round {
    pub(crate) limit: f64,
    pub(crate) run: Run,
}

/// Rounds by number of connections.
pub(crate) struct Table {
    title: String,
    rounds: BTreeMap<usize, Vec<Round>>,
}

impl Table {
    pub(crate) fn new(title: String) -> Self {
        Self {
            title,
            rounds: BTreeMap::new(),
        }
    }

    /// Adds a round and prints it.
    pub(crate) fn add(&mut self, number: usize, connections: usize, round: Round) {
        let row = row(connections, &[&round]);
        println!("round {number} {row}");
        self.rounds.entry(connections).or_default().push(round);
    }

    pub(crate) fn print_medians(&self) {
        println!("\n{}, medians:\n", self.title);
        println!(
            "| connections | rolls/s | limit/s | rolls/limit | p50 ms | p99 ms |\n|---|---|---|---|---|---|"
        );
        for (connections, rounds) in &self.rounds {
            println!("{}", row(*connections, &rounds.iter().collect::<Vec<_>>()));
        }
        println!();
    }
}

fn row(connections: usize, rounds: &[&Round]) -> String {
    let of = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(|round| value(round)).collect());
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    format!(
        "| {connections} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} |",
        of(&|round| round.run.per_second),
        of(&|round| round.limit),
        // The median of the ratios, each with the limit of its own round, and not the ratio of the medians.
        of(&|round| round.run.per_second / round.limit),
        of(&|round| milliseconds(round.run.median)),
        of(&|round| milliseconds(round.run.ninety_ninth)),
    )
}

/// The middle one; of an even number the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (below, above) = ((values.len() - 1) / 2, values.len() / 2);
    (values[below] + values[above]) / 2.0
}

/// The value below which this share of `sorted` lies.
pub(crate) fn at_share(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
