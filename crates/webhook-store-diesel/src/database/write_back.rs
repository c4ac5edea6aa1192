//! Getting what was erased out of SQLite's write-ahead log.
//!
//! A secret that was overwritten in the database stays in the log until that is written back and emptied, which SQLite does only
//! once the log has grown. So when a secret was erased, a thread with a connection of its own does it at once. It waits for nobody,
//! and so nobody waits for it: while somebody reads or writes it tries again a moment later.
//!
//! Each time it does so the database gets a new mark, because a copy that was made before does not belong to the log that is written from
//! then on; see [`identity`]. For that alone it is done now and then where nothing was erased.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use webhook_domain::error::Cause;

use crate::database::connection::AnyConnection;
use crate::database::identity;
use crate::database::mark::Mark;
use crate::engine::failure::chain;

/// How long until it is tried again after somebody was in the way.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// How long until it is tried again after it could not be done at all, and at least between two times that it is done: each
/// costs syncs of its own.
const PAUSE: Duration = Duration::from_secs(1);

/// How long until it is done where nobody asks for it.
const UNASKED: Duration = Duration::from_secs(600);

/// The way to the thread.
pub(crate) struct WriteBack {
    asked: Arc<(Mutex<Asked>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    WriteBack,
    Stop,
}

impl WriteBack {
    /// Starts the thread. It opens the database when it is asked for the first time.
    pub(crate) fn start(database: PathBuf) -> std::io::Result<Self> {
        let asked = Arc::new((Mutex::new(Asked::Nothing), Condvar::new()));
        let told = Arc::clone(&asked);
        let thread = std::thread::Builder::new()
            .name("store-write-back".into())
            .spawn(move || write_back_when_asked(&told, &database))?;
        Ok(Self {
            asked,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks for what was committed until now to be written back.
    pub(crate) fn ask(&self) {
        self.say(Asked::WriteBack);
    }

    /// Ends the thread. What was asked for and could not be done yet is done by the last connection that is closed.
    pub(crate) fn close(&self) {
        self.say(Asked::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("writing the log back ended in a panic");
        }
    }

    fn say(&self, what: Asked) {
        let mut asked = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *asked != Asked::Stop {
            *asked = what;
        }
        self.asked.1.notify_one();
    }
}

fn write_back_when_asked(asked: &(Mutex<Asked>, Condvar), database: &std::path::Path) {
    let mut connection = None;
    let mut announced = None;
    loop {
        {
            let what = asked.0.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = asked
                .1
                .wait_timeout_while(what, UNASKED, |what| *what == Asked::Nothing);
            let (mut what, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if *what == Asked::Stop {
                return;
            }
            // What is asked for from here on is done after this.
            *what = Asked::Nothing;
        }
        let (again, pause) = match write_back(&mut connection, database, &mut announced) {
            Ok(true) => (false, PAUSE),
            Ok(false) => (true, TRY_AGAIN),
            Err(error) => {
                tracing::warn!(
                    error,
                    "the database's log cannot be written back; it will be tried again"
                );
                connection = None;
                (true, PAUSE)
            }
        };
        let mut what = asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if again && *what == Asked::Nothing {
            *what = Asked::WriteBack;
        }
        let waited = asked
            .1
            .wait_timeout_while(what, pause, |what| *what != Asked::Stop);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Whether it could be done. `announced` is a mark that the database was given, and that may not be in its file yet.
fn write_back(
    connection: &mut Option<AnyConnection>,
    database: &std::path::Path,
    announced: &mut Option<Mark>,
) -> Result<bool, String> {
    let open = match connection {
        Some(open) => open,
        None => {
            let opened = AnyConnection::open_sqlite_to_write_back(database);
            connection.insert(opened.map_err(|error| error.to_string())?)
        }
    };
    if announced.is_none() {
        // Without a new mark, what was erased is to go all the same.
        *announced = identity::announce_in_use(open, database).unwrap_or_else(unmarked);
    }
    let done = open.write_back_at_once().map_err(|error| error.to_string())?;
    if done && let Some(mark) = announced.take() {
        identity::settle(open, database, mark).unwrap_or_else(unmarked);
    }
    Ok(done)
}

fn unmarked<T: Default>(error: Cause) -> T {
    tracing::debug!(
        error = chain(error.as_ref()),
        "the database was not given a new mark"
    );
    T::default()
}
