//! The load runner: durable rolls per second over HTTP, beside what the database can do at all, measured in the same
//! round.
//!
//! ```text
//! cargo run --release -p webhook-tests --bin load -- --help
//! ```
//!
//! Every answer must be a 2xx; the first other one ends the run. The generator is one thread, because it shares the
//! cores with what it measures. `docs/benchmarks.md` has numbers and what they mean.

mod backlog;
mod checks;
mod cpu;
mod crowd;
mod deliveries;
mod footprint;
mod generator;
mod hanging;
mod lanes;
mod leaks;
mod limits;
mod listing;
mod paired;
mod processes;
mod receiver;
mod report;
mod rotations;
mod signing;
mod slow_disk;
mod stock;
mod tenants;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use webhook_tests::{Deployment, Service, postgres::Cluster};

use crate::{
    report::{Round, Table},
    stock::Stock,
};

/// Measures a webhook-server of this tree.
#[derive(Debug, Parser)]
struct Options {
    /// Which databases
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sqlite,postgres")]
    database: Vec<Database>,
    /// How many connections roll at once, one setting after another
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,64")]
    connections: Vec<usize>,
    /// Seconds per measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds, of which medians are taken
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Webhooks stored before the first roll
    #[arg(long, default_value_t = 1_000)]
    stored: usize,
    /// Webhooks that are rolled, in turn, evenly spread among those stored
    #[arg(long, default_value_t = 1_000)]
    rolled: usize,
    /// Milliseconds every fsync and fdatasync takes longer, of the server, of PostgreSQL and of what they are held against
    #[arg(long)]
    sync_delay: Option<f64>,
    /// Memory, time until ready and size of the binary instead of rolls
    #[arg(long)]
    footprint: bool,
    /// Pages of the webhooks stored instead of rolls
    #[arg(long)]
    listing: bool,
    /// What a key has signed among so many events, instead of rolls
    #[arg(long, value_name = "EVENTS", num_args = 0..=1, default_missing_value = "1000000")]
    leaks: Option<usize>,
    /// Events published and delivered instead of rolls
    #[arg(long)]
    deliveries: bool,
    /// Deliveries beside so many that wait for receivers who refuse them, instead of rolls
    #[arg(long, value_name = "WAITING", num_args = 0..=1, default_missing_value = "1000000")]
    backlog: Option<usize>,
    /// Publishing on a platform with so many webhooks that want something else, instead of rolls
    #[arg(long, value_name = "WEBHOOKS", num_args = 0..=1, default_missing_value = "50000")]
    crowd: Option<usize>,
    /// Deliveries beside one to a receiver that hangs, instead of rolls
    #[arg(long)]
    hanging: bool,
    /// So many lanes, idle and held up, instead of rolls
    #[arg(long, value_name = "LANES", num_args = 0..=1, default_missing_value = "100000")]
    lanes: Option<usize>,
    /// The deliveries of a tenant beside others whose receivers are slow or hang, instead of rolls
    #[arg(long)]
    tenants: bool,
    /// So many processes on one PostgreSQL beside one alone, instead of rolls
    #[arg(long, value_name = "PROCESSES", num_args = 0..=1, default_missing_value = "4")]
    processes: Option<usize>,
    /// Deliveries beside as many checks of keys as may run, instead of rolls
    #[arg(long)]
    checks: bool,
    /// Deliveries signed by either protocol, instead of rolls
    #[arg(long)]
    signing: bool,
    /// A rotation of so many webhooks, on PostgreSQL by three processes, instead of rolls
    #[arg(long, value_name = "WEBHOOKS", num_args = 0..=1, default_missing_value = "100000")]
    rotation: Option<usize>,
    /// Another binary: rolls and deliveries of both in alternation, instead of rolls
    #[arg(long, value_name = "BINARY")]
    against: Option<PathBuf>,
    /// Pairs of measurements, of whose ratios medians are taken
    #[arg(long, default_value = "10", requires = "against")]
    pairs: NonZeroUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

fn main() {
    let options = Options::parse();
    if let Some(milliseconds) = options.sync_delay {
        slow_disk::insert(Duration::from_secs_f64(milliseconds / 1_000.0));
    }
    if options.footprint {
        footprint::measure();
    } else {
        options
            .database
            .iter()
            .for_each(|database| measure(&options, *database));
    }
    slow_disk::remove();
}

fn measure(options: &Options, database: Database) {
    let cluster = (database == Database::Postgres).then(|| Cluster::private(&[]));
    let deploy = || match &cluster {
        None => Deployment::new(webhook_tests::Backend::Sqlite),
        Some(cluster) => Deployment::on_cluster(cluster),
    };
    let seconds = Duration::from_secs(options.seconds);
    if options.deliveries {
        println!("{database:?}");
        return deliveries::measure(&deploy, cluster.as_ref(), seconds);
    }
    if let Some(size) = options.backlog {
        println!("{database:?}");
        return backlog::measure(&deploy, size, options.rounds, seconds);
    }
    if let Some(count) = options.crowd {
        println!("{database:?}");
        return crowd::measure(&deploy, count, seconds);
    }
    if options.hanging {
        println!("{database:?}");
        return hanging::measure(deploy, options.rounds, seconds);
    }
    if let Some(count) = options.lanes {
        println!("{database:?}");
        return lanes::measure(&deploy, cluster.as_ref(), count, seconds);
    }
    if options.tenants {
        println!("{database:?}");
        return tenants::measure(&deploy, options.rounds, seconds);
    }
    if let Some(count) = options.processes {
        assert!(cluster.is_some(), "several processes need --database postgres");
        return processes::measure(&deploy, count, options.rounds, seconds);
    }
    if options.checks {
        println!("{database:?}");
        return checks::measure(&deploy, options.rounds, seconds);
    }
    if options.signing {
        println!("{database:?}");
        return signing::measure(&deploy, cluster.as_ref(), options.rounds);
    }
    if let Some(count) = options.rotation {
        println!("{database:?}");
        let processes = if cluster.is_some() { 3 } else { 1 };
        return rotations::measure(&deploy, processes, count, options.rounds, seconds);
    }
    if let Some(other) = &options.against {
        println!("{database:?}");
        let other = other.canonicalize().expect("there is another binary");
        return paired::measure(&deploy, cluster.as_ref(), &other, options.pairs.get(), seconds);
    }
    let service = Service::start_on(deploy());
    if options.listing {
        println!("{database:?}");
        return listing::measure(&service, options.stored);
    }
    if let Some(events) = options.leaks {
        println!("{database:?}");
        return leaks::measure(&service, database == Database::Sqlite, events);
    }
    let stock = Stock::fill(&service, options.stored);
    let rolls = stock.rolls(options.rolled);
    let mut table = Table::new(format!("{database:?}, {} webhooks stored", options.stored));
    for round in 1..=options.rounds {
        for connections in &options.connections {
            let limit = match &cluster {
                None => limits::sqlite_commits_per_second(seconds),
                Some(cluster) => limits::pgbench_updates_per_second(cluster, seconds),
            };
            let run = rolls.run(service.server().address(), *connections, seconds);
            table.add(round, *connections, Round { limit, run });
        }
    }
    table.print_medians();
    println!(
        "memory after this load: {:.1} MiB",
        footprint::resident_mib(service.server().pid())
    );
}
