//! The lines of the log on their way to standard error: a bounded queue, and a thread of its own that writes.
//!
//! Whoever logs only puts a line into the queue, so a reader that is slow, stuck or gone, or a disk that is full, stops,
//! slows and ends nothing. A line that finds the queue full, or that cannot be written, is dropped and counted. As soon
//! as lines can be written again, one line says how many were dropped. A line that was cut off in the middle is ended before the
//! next begins.
//!
//! The first line after a pause is written at once. Lines that follow closely are gathered for a moment and then written all, several
//! together: each time the thread wakes, and each write, costs something here, and a write wakes whoever reads. They are no more at a time
//! than a pipe takes in one piece, so that lines of several processes on one pipe do not mix.
//!
//! `tracing-appender` has such a writer too. It bounds the number of lines and not their bytes, says nothing of lines that
//! could not be written, and prints to standard output when it cannot stop, which panics if that is closed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes of lines wait at most.
pub(crate) const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// How many bytes of lines are written at a time: what POSIX has a pipe take in one piece at least on Linux (`PIPE_BUF`). A longer line
/// is written by itself.
const WRITTEN_AT_ONCE: usize = 4096;
/// How many bytes of lines are waited for at most.
const GATHERED_AT_MOST: usize = MAX_WAITING_BYTES / 4;
/// How long lines are gathered once all that there were are written.
const GATHER: Duration = Duration::from_millis(10);
/// How often it is tried to say what was dropped, while nothing else is logged.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// How long a descriptor that takes nothing at the moment, and does not block, is left alone.
const PAUSE: Duration = Duration::from_millis(10);

thread_local! {
    /// On the thread that writes: the line in which it says itself what was dropped.
    static NOTICE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Where lines are written to: takes some bytes, and says how many.
pub(crate) type Output = Box<dyn FnMut(&[u8]) -> io::Result<usize> + Send>;

/// Logs how many lines were dropped since it was last said, and how many since the start.
pub(crate) type Notice = fn(dropped: u64, in_all: u64);

/// The queue. Clones are the same queue.
#[derive(Clone)]
pub(crate) struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// The first line has come, or more than are gathered, or somebody wants all of them written.
    arrived: Condvar,
    /// No line waits, and none is being written.
    drained: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Whether lines were taken that are not written yet.
    is_writing: bool,
    /// How many wait until all lines are written.
    flushing: u32,
    /// How many lines were dropped and not told of.
    dropped: u64,
    /// How many were dropped since the start.
    dropped_in_all: u64,
}

impl Waiting {
    fn drop_line(&mut self) {
        self.dropped += 1;
        self.dropped_in_all += 1;
    }
}

impl LogQueue {
    /// Starts the thread that writes to `output`, and that logs `notice` when lines were dropped.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(output: Output, notice: Notice) -> io::Result<Self> {
        let queue = Self(Arc::default());
        let mut writer = Writer {
            queue: queue.clone(),
            output,
            notice,
            is_torn: false,
            drained_at: None,
            is_draining: false,
        };
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || writer.run())?;
        Ok(queue)
    }

    /// Takes a line, its line feed included, or drops and counts it.
    pub(crate) fn push(&self, line: Vec<u8>) {
        let mut waiting = self.waiting();
        // The thread looks for more before it waits, so it must be woken for the first line, or for the first that is dropped; and it
        // gathers no longer when there is enough to write.
        let has_little = waiting.bytes < GATHERED_AT_MOST;
        let is_first = waiting.lines.is_empty();
        if waiting.bytes + line.len() > MAX_WAITING_BYTES {
            waiting.drop_line();
        } else {
            waiting.bytes += line.len();
            waiting.lines.push_back(line);
        }
        let is_enough = has_little && waiting.bytes >= GATHERED_AT_MOST;
        drop(waiting);
        if is_first || is_enough {
            self.0.arrived.notify_one();
        }
    }

    /// Waits until all lines are written or dropped, or so long.
    pub(crate) fn flush(&self, within: Duration) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        let mut waiting = self.waiting();
        waiting.flushing += 1;
        self.0.arrived.notify_one();
        let waited = self.0.drained.wait_timeout_while(waiting, within, is_busy);
        waited.unwrap_or_else(PoisonError::into_inner).0.flushing -= 1;
    }

    /// How many lines were dropped since the start.
    pub(crate) fn dropped_in_all(&self) -> u64 {
        self.waiting().dropped_in_all
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the text of one event as `tracing` writes it.
impl io::Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_notice = NOTICE.with_borrow_mut(|notice| {
            notice
                .as_mut()
                .map(|notice| notice.extend_from_slice(line))
                .is_some()
        });
        if !is_notice {
            self.push(line.to_vec());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread that writes.
struct Writer {
    queue: LogQueue,
    output: Output,
    notice: Notice,
    /// Whether the last line was cut off in the middle.
    is_torn: bool,
    /// When the last of the lines that there were was taken to be written.
    drained_at: Option<Instant>,
    /// Whether lines are taken until there are none.
    is_draining: bool,
}

impl Writer {
    fn run(&mut self) {
        loop {
            let mut lines = self.next();
            let written = match self.say_what_was_dropped() {
                true => self.write(&lines),
                false => 0,
            };
            let mut waiting = self.queue.waiting();
            // Each line is tried once. Those behind one that cannot be written have not been.
            let mut left = lines.drain(written..);
            if left.next().is_some() {
                waiting.drop_line();
            }
            for line in left.rev() {
                waiting.bytes += line.len();
                waiting.lines.push_front(line);
            }
            waiting.is_writing = false;
            if waiting.lines.is_empty() {
                self.queue.0.drained.notify_all();
            }
        }
    }

    /// Waits for the next lines. None when it is time to say what was dropped.
    fn next(&mut self) -> Vec<Vec<u8>> {
        let arrived = &self.queue.0.arrived;
        let begun = Instant::now();
        let mut waiting = self.queue.waiting();
        loop {
            let wait = if !waiting.lines.is_empty() {
                let since = self.drained_at.map_or(GATHER, |drained_at| drained_at.elapsed());
                let is_much = waiting.bytes >= GATHERED_AT_MOST;
                let is_enough = self.is_draining || is_much || waiting.flushing > 0;
                match GATHER
                    .checked_sub(since)
                    .filter(|left| !left.is_zero() && !is_enough)
                {
                    Some(left) => left,
                    None => break,
                }
            } else if waiting.dropped > 0 {
                match SAY_EVERY
                    .checked_sub(begun.elapsed())
                    .filter(|left| !left.is_zero())
                {
                    Some(left) => left,
                    None => return Vec::new(),
                }
            } else {
                waiting = arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            waiting = arrived
                .wait_timeout(waiting, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        while let Some(line) = waiting
            .lines
            .pop_front_if(|line| bytes == 0 || bytes + line.len() <= WRITTEN_AT_ONCE)
        {
            bytes += line.len();
            lines.push(line);
        }
        waiting.bytes -= bytes;
        waiting.is_writing = true;
        self.is_draining = !waiting.lines.is_empty();
        if !self.is_draining {
            self.drained_at = Some(Instant::now());
        }
        lines
    }

    /// Whether all that was dropped is told of.
    fn say_what_was_dropped(&mut self) -> bool {
        let (dropped, in_all) = {
            let waiting = self.queue.waiting();
            (waiting.dropped, waiting.dropped_in_all)
        };
        if dropped == 0 {
            return true;
        }
        NOTICE.set(Some(Vec::new()));
        (self.notice)(dropped, in_all);
        // Empty if the log is set to leave it out.
        let line = NOTICE.take().unwrap_or_default();
        if self.write(&[line]) == 0 {
            return false;
        }
        self.queue.waiting().dropped -= dropped;
        true
    }

    /// Writes lines, and says how many of them are written.
    fn write(&mut self, lines: &[Vec<u8>]) -> usize {
        let bytes = lines.concat();
        if self.is_torn && !bytes.is_empty() {
            if self.write_all(b"\n") == 0 {
                return 0;
            }
            self.is_torn = false;
        }
        let mut left = self.write_all(&bytes);
        let is_whole = |line: &&Vec<u8>| {
            let whole = left >= line.len();
            left -= if whole { line.len() } else { 0 };
            whole
        };
        let written = lines.iter().take_while(is_whole).count();
        self.is_torn |= left > 0;
        written
    }

    /// Writes as much of `bytes` as can be written, and says how much.
    fn write_all(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match (self.output)(&bytes[written..]) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Somebody who shares the descriptor has made it one that does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                Err(_) => break,
            }
        }
        written
    }
}

#[cfg(test)]
mod tests;
