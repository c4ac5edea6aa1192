//! Three processes over one store, through deaths, pauses, wrong clocks, lost answers and receivers that misbehave, all of which
//! follows from a seed.
//!
//! The dispatcher, the domain's services and the store in memory are those that other tests use. They run on one thread, on which
//! time passes only while everybody waits for it ([`tokio::time::pause`]): a minute takes some milliseconds, and the same seed gives
//! the same run, to the last line of its journal. Between a process and the rest of the world stand [`ports`]; what they let
//! through, and when, is drawn from the seed too. When the trouble is over, the [`judge`] holds what happened against what is
//! promised. To show that it can find fault, the ports are [tampered with](tampering).
//!
//! A run has a minute of trouble, and ends when everything has been delivered, or when that takes too long. 500 seeds always run.
//! More do if they are asked for, and one alone prints its journal:
//!
//! ```console
//! $ WEBHOOK_TEST_SIMULATION_SEEDS=10000 cargo test --release -p webhook-server simulation::every_seed -- --nocapture
//! $ WEBHOOK_TEST_SIMULATION_SEED=17 cargo test -p webhook-server simulation::every_seed -- --nocapture
//! ```
//!
//! What it leaves out: how databases run transactions beside each other, of which the lane model in `webhook-domain` and the tests
//! over real databases know; and code that runs in parallel.
//!
//! | file | what |
//! |---|---|
//! | `plan` | what happens, and when |
//! | `run` | a run from its beginning to its end |
//! | `world` | machines, their clocks, and what goes wrong between them |
//! | `process` | a process runs, stands still or is dead, and so do its calls |
//! | `ports`, `queue` | the ports as one process has them |
//! | `receivers`, `clients` | who gets deliveries; who publishes and changes webhooks |
//! | `journal` | what really happened |
//! | `judge` | whether that is as promised |
//! | `tampering` | faults that the judge must find |

mod clients;
mod journal;
mod judge;
mod plan;
mod ports;
mod process;
mod queue;
mod receivers;
mod run;
mod tampering;
mod world;

use self::judge::{Sums, judge};
use self::run::{Run, run};
use self::tampering::Tampering;

/// How many seeds always run.
const SEEDS: u64 = 500;
/// In how many runs a fault must be found that was put in.
const TRIES: u64 = 400;

fn knob(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn lines(run: &Run) -> Vec<String> {
    run.entries.iter().map(ToString::to_string).collect()
}

#[test]
fn every_seed_keeps_what_is_promised() {
    let one = knob("WEBHOOK_TEST_SIMULATION_SEED");
    let seeds = match one {
        Some(seed) => seed..seed + 1,
        None => 0..knob("WEBHOOK_TEST_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let mut all = Vec::new();
    for seed in seeds {
        let run = run(seed, None);
        if one.is_some() {
            println!("{}", lines(&run).join("\n"));
        }
        match judge(&run) {
            Ok(sums) => all.push(sums),
            Err(problem) => {
                panic!("seed {seed}: {problem}; WEBHOOK_TEST_SIMULATION_SEED={seed} prints its journal")
            }
        }
    }
    if one.is_some() {
        return;
    }
    let sum = |of: fn(&Sums) -> usize| all.iter().map(of).sum::<usize>();
    let sums = Sums {
        events: sum(|sums| sums.events),
        delivered: sum(|sums| sums.delivered),
        given_up: sum(|sums| sums.given_up),
        duplicates: sum(|sums| sums.duplicates),
        too_late: sum(|sums| sums.too_late),
        taken_over: sum(|sums| sums.taken_over),
        strays: sum(|sums| sums.strays),
    };
    println!("{} seeds: {sums:?}", all.len());
    // Otherwise the runs would show little.
    let rare = [sums.given_up, sums.duplicates, sums.too_late, sums.strays];
    assert!(
        rare.iter().all(|happened| *happened > 10) && sums.taken_over > 500,
        "{sums:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..8 {
        let (one, other) = (lines(&run(seed, None)), lines(&run(seed, None)));
        for (line, again) in one.iter().zip(&other) {
            assert_eq!(line, again, "seed {seed}");
        }
        assert_eq!(one.len(), other.len(), "seed {seed}");
        assert!(one.len() > 100, "seed {seed} has {} lines", one.len());
    }
}

#[test]
fn the_judge_finds_what_is_broken() {
    for (tampering, complaint) in Tampering::ALL {
        let judged = (0..TRIES).map(|seed| (seed, judge(&run(seed, Some(tampering)))));
        let found = judged.into_iter().find_map(|(seed, judged)| {
            let problem = judged.err().filter(|problem| problem.contains(complaint))?;
            Some((seed, problem))
        });
        let (seed, problem) = found.unwrap_or_else(|| panic!("{tampering:?} was not found"));
        println!("{tampering:?}, seed {seed}: {problem}");
    }
}
