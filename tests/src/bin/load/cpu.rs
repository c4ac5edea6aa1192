//! What a service costs in processor time, its database's processes included.

use std::{fs, path::Path, time::Duration};

use webhook_tests::postgres::Cluster;

/// The kernel counts processor time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// The processor time that the process `pid` has used, and with a cluster all of its processes too, those that have ended
/// included.
pub(crate) fn used(pid: u32, cluster: Option<&Cluster>) -> Duration {
    let of_service = Stat::of(pid).expect("a running process has a status");
    let of_database = cluster.map_or(0, |cluster| {
        let postmaster = postmaster(&cluster.data());
        let own = Stat::of(postmaster).expect("the cluster runs");
        let children = fs::read_dir("/proc").expect("the system has /proc");
        let children = children.filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Stat::of(pid).filter(|stat| stat.parent == postmaster)
        });
        own.ticks + own.ended + children.map(|child| child.ticks).sum::<u64>()
    });
    TICK * u32::try_from(of_service.ticks + of_database).expect("less than a year")
}

fn postmaster(data: &Path) -> u32 {
    let text = fs::read_to_string(data.join("postmaster.pid")).expect("the cluster runs");
    let pid = text.lines().next().and_then(|line| line.parse().ok());
    pid.expect("the first line is its process id")
}

/// What the kernel says of a process.
struct Stat {
    parent: u32,
    /// Of its own.
    ticks: u64,
    /// Of children that have ended.
    ended: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, which may hold anything, ends with the last bracket; the state is the third field.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |place: usize| fields.get(place - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            ticks: number(14)? + number(15)?,
            ended: number(16)? + number(17)?,
        })
    }
}
