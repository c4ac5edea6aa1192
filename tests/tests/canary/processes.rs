//! What every user of the machine can read of a process, its arguments; and the server's environment.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, sleep, spawn},
    time::Duration,
};

use crate::trail::Trail;

/// Reads the arguments of all processes again and again: what is in them for a moment is seen by others too.
pub(crate) struct Watch {
    done: Arc<AtomicBool>,
    seen: JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        let seen = spawn(move || {
            let mut seen = BTreeSet::new();
            while !told.load(Ordering::SeqCst) {
                seen.extend(arguments());
                sleep(Duration::from_millis(20));
            }
            seen
        });
        Self { done, seen }
    }

    pub(crate) fn end(self, trail: &mut Trail) {
        self.done.store(true, Ordering::SeqCst);
        for arguments in self.seen.join().expect("the watch goes on to its end") {
            trail.leave("the arguments of all processes", arguments);
        }
    }
}

fn arguments() -> Vec<Vec<u8>> {
    let processes = fs::read_dir("/proc").expect("the system tells of its processes");
    let files = processes.flatten().map(|entry| entry.path().join("cmdline"));
    files.filter_map(|file| fs::read(file).ok()).collect()
}

/// Leaves the environment of process `pid` on the trail.
pub(crate) fn look_at_environment(pid: u32, trail: &mut Trail) {
    let bytes = fs::read(format!("/proc/{pid}/environ")).expect("the server runs");
    trail.leave("the server's environment", bytes);
}
