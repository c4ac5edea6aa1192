//! A wall clock that is wrong, for one server or several: what they are told of the time of day is so many seconds later than it
//! is, or earlier. It can be changed while they run. Clocks that measure how long something takes are left alone.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A wall clock, right until it is shifted.
#[derive(Debug)]
pub struct ShiftedClock {
    /// Holds by how many seconds the clock is ahead, where the shim reads it.
    file: PathBuf,
    opened: File,
    shim: PathBuf,
}

impl ShiftedClock {
    /// A clock whose files are in `directory`; `name` tells it from others there.
    #[track_caller]
    pub fn new(directory: &Path, name: &str) -> Self {
        let file = directory.join(format!("{name}.shift"));
        // The shim maps it: it must have all its bytes before a program starts.
        fs::write(&file, 0_i64.to_ne_bytes()).expect("a file can be written");
        let opened = File::options().write(true).open(&file);
        Self {
            opened: opened.expect("a file can be written"),
            file,
            shim: compiled(directory),
        }
    }

    /// Has the clock show `seconds` more than the time, or less if negative. Programs see it at once.
    #[track_caller]
    pub fn shift(&self, seconds: i64) {
        let written = self.opened.write_all_at(&seconds.to_ne_bytes(), 0);
        written.expect("a file can be written");
    }

    /// Has the program that `command` starts go by this clock.
    pub fn show_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.shim)
            .env("SHIFTED_CLOCK_FILE", &self.file);
    }
}

/// The shim, compiled once in each directory.
#[track_caller]
fn compiled(directory: &Path) -> PathBuf {
    let library = directory.join("shifted_clock.so");
    if library.exists() {
        return library;
    }
    let compiled = Command::new("cc")
        .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/shim/shifted_clock.c"))
        .status();
    assert!(
        compiled.is_ok_and(|status| status.success()),
        "a wrong clock needs a C compiler, `cc`"
    );
    library
}
