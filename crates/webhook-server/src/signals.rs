//! Signals, heard on a thread of their own from before the database is opened until the process ends.
//!
//! | signal | before the server listens | while it serves | while it stops |
//! |---|---|---|---|
//! | SIGTERM, SIGINT | ends with status 0 | begins the stop | within [`SAME_STOP`] of the first: the same stop; later: ends at once with status 1 |
//! | SIGHUP | kept until it serves | files are read anew | nothing |
//! | SIGXFSZ | nothing: the write fails | | |
//!
//! `timeout 60 webhook-server` sends SIGTERM to the process and to its group, so one stop may come as two signals. Before
//! the server listens, an end is like a crash, which every step of the start survives. A stop that takes longer than it may ends
//! with status 1.
//!
//! SIGPIPE is ignored by the standard library's start-up code: a write to a reader that is gone fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::exit::Failure;
use crate::logging;
use crate::serve::service_manager;

/// Stop signals that come so soon after the first are one stop.
const SAME_STOP: Duration = Duration::from_secs(2);

/// What the process does, as far as signals care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Serving,
}

/// The signals of a server.
pub(crate) struct Signals {
    phase: Arc<Mutex<Phase>>,
    stop: watch::Receiver<bool>,
}

impl Signals {
    /// Listens to signals; a stop may take as long as `stop_within` says. What is returned beside tells of each SIGHUP.
    ///
    /// # Errors
    /// When the thread cannot be started, or the signals cannot be listened to.
    pub(crate) fn listen(stop_within: Duration) -> Result<(Self, mpsc::Receiver<()>), Failure> {
        let phase = Arc::new(Mutex::new(Phase::Starting));
        let (stop, stopped) = watch::channel(false);
        let (hang_up, hang_ups) = mpsc::channel();
        let shared = Arc::clone(&phase);
        on_a_thread(move |heard| async move {
            let ear = Ear {
                phase: shared,
                stop,
                hang_up,
                stop_within,
            };
            ear.listen(heard).await;
        })?;
        Ok((Self { phase, stop: stopped }, hang_ups))
    }

    /// Says that the start is over: from now on a stop finishes what is under way.
    pub(crate) fn serving(&self) {
        *lock(&self.phase) = Phase::Serving;
    }

    /// Waits until the process is to stop.
    pub(crate) async fn stop(&mut self) {
        // A sender that is gone says that nobody listens any more, so nothing would ever come.
        if self.stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// For commands that may run for long: a terminal that is closed does not end them half-way.
///
/// # Errors
/// As [`Signals::listen`].
pub(crate) fn ignore_hang_up() -> Result<(), Failure> {
    let listen = || Ok((signal(SignalKind::hangup())?, file_too_large()?));
    run_on_a_thread(listen, |(mut hang_up, mut too_large)| async move {
        loop {
            tokio::select! {
                _ = hang_up.recv() => {}
                _ = too_large.recv() => {}
            }
        }
    })
}

/// The listeners of a server.
struct Heard {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    too_large: Signal,
}

fn on_a_thread<Listening: Future<Output = ()>>(
    listen: impl FnOnce(Heard) -> Listening + Send + 'static,
) -> Result<(), Failure> {
    let heard = || {
        Ok(Heard {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            too_large: file_too_large()?,
        })
    };
    run_on_a_thread(heard, listen)
}

/// A file that may not grow any more (`ulimit -f`) is told by a signal that ends the process, unless it is listened to.
fn file_too_large() -> std::io::Result<Signal> {
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
}

/// Runs `listen` on a thread with what `prepare` made there, and waits until that is made.
fn run_on_a_thread<Prepared, Listening: Future<Output = ()>>(
    prepare: impl FnOnce() -> std::io::Result<Prepared> + Send + 'static,
    listen: impl FnOnce(Prepared) -> Listening + Send + 'static,
) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::cannot("listen for signals", &error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot)?;
    let (tell, told) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                let prepared = prepare();
                let (prepared, outcome) = match prepared {
                    Ok(prepared) => (Some(prepared), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                // It waits for this.
                let _ = tell.send(outcome);
                if let Some(prepared) = prepared {
                    listen(prepared).await;
                }
            });
        })
        .map_err(cannot)?;
    told.recv()
        .unwrap_or_else(|gone| Err(std::io::Error::other(gone)))
        .map_err(cannot)
}

/// The thread's side.
struct Ear {
    phase: Arc<Mutex<Phase>>,
    stop: watch::Sender<bool>,
    hang_up: mpsc::Sender<()>,
    stop_within: Duration,
}

impl Ear {
    async fn listen(self, mut heard: Heard) {
        let mut stop_began = None;
        loop {
            tokio::select! {
                _ = heard.terminate.recv() => self.asked_to_stop("SIGTERM", &mut stop_began),
                _ = heard.interrupt.recv() => self.asked_to_stop("SIGINT", &mut stop_began),
                _ = heard.hang_up.recv() => {
                    // Nobody takes it any more when the process stops.
                    let _ = self.hang_up.send(());
                }
                _ = heard.too_large.recv() => tracing::warn!("a file may not grow any more (RLIMIT_FSIZE)"),
                () = passed(stop_began.map(|began: Instant| began + self.stop_within)) => self.took_too_long(),
            }
        }
    }

    fn asked_to_stop(&self, signal: &'static str, stop_began: &mut Option<Instant>) {
        let phase = lock(&self.phase);
        if *phase == Phase::Starting {
            tracing::info!(signal, "stopped before the start was over");
            logging::exit(0);
        }
        match stop_began {
            None => {
                *stop_began = Some(Instant::now());
                tracing::info!(signal, "stopping; requests and deliveries in flight are finished");
                self.stop.send_replace(true);
                service_manager::stopping(self.stop_within);
            }
            Some(began) if began.elapsed() < SAME_STOP => {
                tracing::debug!(signal, "this signal belongs to the stop that has begun");
            }
            Some(_) => {
                tracing::warn!(signal, "stopping at once");
                logging::exit(1);
            }
        }
    }

    fn took_too_long(&self) {
        tracing::error!(
            stop.timeout_seconds = self.stop_within.as_secs(),
            "the stop took longer than WEBHOOK_STOP_TIMEOUT; what is not finished is cut off"
        );
        logging::exit(1);
    }
}

/// Waits until `deadline`, or for ever.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn lock(phase: &Mutex<Phase>) -> MutexGuard<'_, Phase> {
    phase.lock().unwrap_or_else(PoisonError::into_inner)
}
