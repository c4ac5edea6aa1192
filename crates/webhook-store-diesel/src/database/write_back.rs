//! Writing SQLite's write-ahead log back, beside those who write.
//!
//! Left to itself, SQLite has the commit after which the log is long write all of it back, and everybody waits for that commit. So a thread
//! with a connection of its own does it: nearly all of it beside those who write. Nobody can write while the rest is written back and the
//! log is ended, so that has [its turn](Turn), as the writer has, and waits for readers for a moment at the most. If one stays, it is tried
//! again later.
//!
//! A secret that was overwritten in the database stays in the log until that is emptied, which is more than to begin it anew. So it is
//! emptied soon after a secret was erased, however short it is. To free a log that has grown takes tens of milliseconds, in which nobody
//! writes; while secrets are erased without end, it is done the more seldom the longer it takes.
//!
//! Each time the log is ended the database gets a new mark, because a copy that was made before does not belong to the log that is written from
//! then on; see [`identity`]. For that alone it is emptied now and then where nothing was erased. A log that is begun anew begins with the mark, and so
//! is never older than the file.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{FairMutex, FairMutexGuard};
use webhook_domain::error::Cause;

use crate::database::connection::AnyConnection;
use crate::database::identity;
use crate::database::mark::Mark;
use crate::database::state::beside;
use crate::engine::failure::chain;

/// How long until it is tried again after somebody was in the way, for the first time; then twice as long each time, up to [`PAUSE`]. Whoever
/// reads for long is not kept from it, and the writer should not be either.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// How long until it is tried again after it could not be done at all.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked at most how long the log is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long until the log is emptied again, as a multiple of how long that has taken, and in what bounds.
const REST: u32 = 200;
const SHORTEST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(10);
/// How long until it is emptied where nobody asks for it.
const UNASKED: Duration = Duration::from_secs(600);

/// How long the log is when it is begun anew though nothing was erased, in bytes and in pages. Written back sixteen times as often, as SQLite
/// does by itself, a page that many rolls change would be written that much more often too.
const LONG_LOG: u64 = 64 << 20;
const LONG_LOG_PAGES: i64 = 16_384;

/// Whose turn it is to write: the writer's, or that of whoever ends the log. SQLite has whoever comes too late look again after a while, and
/// longer each time; of two who write one after the other, the one that comes more seldom may never find it free. Here everybody has a turn.
pub(crate) type Turn = FairMutex<()>;

/// The way to the thread.
pub(crate) struct WriteBack {
    log: PathBuf,
    turn: Arc<Turn>,
    asked: Arc<(Mutex<Asked>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What is asked for. The later of these includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Nothing,
    /// To begin the log anew if it is long.
    Look,
    /// To empty it.
    Empty,
    Stop,
}

impl WriteBack {
    /// Starts the thread. It opens the database when it is asked for the first time.
    pub(crate) fn start(database: PathBuf) -> std::io::Result<Self> {
        let asked = Arc::new((Mutex::new(Asked::Nothing), Condvar::new()));
        let told = Arc::clone(&asked);
        let log = beside(&database, "-wal");
        let turn = Arc::<Turn>::default();
        let own = Log::of(database, LONG_LOG_PAGES, Arc::clone(&turn));
        let thread = std::thread::Builder::new()
            .name("store-write-back".into())
            .spawn(move || write_back_when_asked(&told, own))?;
        Ok(Self {
            log,
            turn,
            asked,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Waits for the writer's turn. While it lasts the log is not ended.
    pub(crate) fn turn(this: Option<&Self>) -> Option<FairMutexGuard<'_, ()>> {
        this.map(|this| this.turn.lock())
    }

    /// Has the log written back if it may be long, and emptied if a secret was erased.
    pub(crate) fn after_commit(this: Option<&Self>, erased: bool) {
        let Some(this) = this else { return };
        // The file stays as long as it was when it is begun anew.
        let may_be_long = || std::fs::metadata(&this.log).is_ok_and(|log| log.len() >= LONG_LOG);
        if erased {
            say(&this.asked, Asked::Empty);
        } else if may_be_long() {
            say(&this.asked, Asked::Look);
        }
    }

    /// Ends the thread. What was asked for and could not be done yet is done by the last connection that is closed.
    pub(crate) fn close(&self) {
        say(&self.asked, Asked::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("writing the log back ended in a panic");
        }
    }
}

fn say((asked, told): &(Mutex<Asked>, Condvar), what: Asked) {
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    if what > *asked {
        *asked = what;
        told.notify_one();
    }
}

fn write_back_when_asked(asked: &(Mutex<Asked>, Condvar), mut log: Log) {
    let mut rests_until = Instant::now();
    let mut try_again = TRY_AGAIN;
    loop {
        let wanted = wait(asked, UNASKED, |asked| asked == Asked::Nothing, true);
        if wanted == Asked::Stop {
            return;
        }
        // Who asks for nothing does so for that long.
        let wants_empty = wanted != Asked::Look;
        let empties = wants_empty && Instant::now() >= rests_until;
        let ended = match empties {
            true => log.empty(),
            false => log.end_if_long(),
        };
        let pause = match ended {
            Ok(Some(took)) => {
                if empties {
                    rests_until = Instant::now() + (took * REST).clamp(SHORTEST_REST, LONGEST_REST);
                }
                try_again = TRY_AGAIN;
                LOOK_EVERY
            }
            Ok(None) => {
                let pause = try_again;
                try_again = (try_again * 2).min(PAUSE);
                pause
            }
            Err(ref error) => {
                tracing::warn!(
                    error,
                    "the database's log cannot be written back; it will be tried again"
                );
                log.connection = None;
                PAUSE
            }
        };
        let left = match (&ended, wants_empty) {
            (Ok(Some(_)), wants_empty) if empties == wants_empty => Asked::Nothing,
            (_, true) => Asked::Empty,
            (_, false) => Asked::Look,
        };
        say(asked, left);
        wait(asked, pause, |asked| asked != Asked::Stop, false);
    }
}

/// Waits while it is so, at most so long, and says what is asked for then. What is `taken` is asked for no more.
fn wait(
    (asked, told): &(Mutex<Asked>, Condvar),
    longest: Duration,
    is_so: impl Fn(Asked) -> bool,
    taken: bool,
) -> Asked {
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = told.wait_timeout_while(asked, longest, |asked| is_so(*asked));
    let (mut asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
    let wanted = *asked;
    if taken && wanted != Asked::Stop {
        *asked = Asked::Nothing;
    }
    wanted
}

/// The log of a database.
struct Log {
    database: PathBuf,
    /// How many pages are long.
    long: i64,
    turn: Arc<Turn>,
    connection: Option<AnyConnection>,
    /// The mark that the database was given for the log to be emptied.
    announced: Option<Mark>,
    /// The mark that the log was begun anew with.
    begun_with: Option<Mark>,
}

impl Log {
    const fn of(database: PathBuf, long: i64, turn: Arc<Turn>) -> Self {
        Self {
            database,
            long,
            turn,
            connection: None,
            announced: None,
            begun_with: None,
        }
    }

    /// Ends the log if it is long. As [`empty`](Self::empty).
    fn end_if_long(&mut self) -> Result<Option<Duration>, String> {
        let is_short = self.open()?.pages_in_log().map_err(text)? < self.long;
        if is_short {
            return Ok(Some(Duration::ZERO));
        }
        self.open()?.write_back_beside().map_err(text)?;
        let turn = Arc::clone(&self.turn);
        let _turn = turn.lock();
        let ended = self.end(false)?;
        if ended.is_some() {
            let earlier = self.begun_with.take();
            self.settle(earlier)?;
            self.begun_with = self.announce()?;
        }
        Ok(ended)
    }

    /// Empties the log. Says for how long others could not write, if it could be done.
    fn empty(&mut self) -> Result<Option<Duration>, String> {
        let turn = Arc::clone(&self.turn);
        if self.announced.is_none() {
            let _turn = turn.lock();
            self.announced = self.announce()?;
        }
        self.open()?.write_back_beside().map_err(text)?;
        let _turn = turn.lock();
        let ended = self.end(true)?;
        if ended.is_some() {
            self.begun_with = None;
            let announced = self.announced.take();
            self.settle(announced)?;
        }
        Ok(ended)
    }

    /// Ends the log, in a turn.
    fn end(&mut self, empty: bool) -> Result<Option<Duration>, String> {
        let open = self.open()?;
        let began = Instant::now();
        let is_ended = open.end_log_at_once(empty).map_err(text)?;
        Ok(is_ended.then(|| began.elapsed()))
    }

    /// Gives the database a new mark. Without one, what was erased is to go all the same.
    fn announce(&mut self) -> Result<Option<Mark>, String> {
        let database = self.database.clone();
        let announced = identity::announce_in_use(self.open()?, &database);
        Ok(announced.unwrap_or_else(unmarked))
    }

    /// Forgets the marks before `mark`, which is in the file by now.
    fn settle(&mut self, mark: Option<Mark>) -> Result<(), String> {
        if let Some(mark) = mark {
            let database = self.database.clone();
            identity::settle(self.open()?, &database, mark).unwrap_or_else(unmarked);
        }
        Ok(())
    }

    fn open(&mut self) -> Result<&mut AnyConnection, String> {
        if self.connection.is_none() {
            self.connection = Some(AnyConnection::open_sqlite_to_write_back(&self.database).map_err(text)?);
        }
        self.connection.as_mut().ok_or_else(|| "no connection".to_owned())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn unmarked<T: Default>(error: Cause) -> T {
    tracing::debug!(
        error = chain(error.as_ref()),
        "the database was not given a new mark"
    );
    T::default()
}

#[cfg(test)]
mod tests;
