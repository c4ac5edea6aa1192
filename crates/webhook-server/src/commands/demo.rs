//! `demo`: a roll under load, and a crash, on one screen, with nothing to set up.
//!
//! A server of this same binary runs as a child on loopback, with a database in a directory of its own; the [`receiver`]
//! runs in this process, and holds one key at a time. The [`story`] publishes a steady stream, rolls the secret, has the
//! receiver change over later, kills the server and starts it again. At the end the [`tally`] says whether every event that
//! was accepted was verified. However the demo ends, but for a SIGKILL of its own, the child and the directory go with it.

mod client;
mod picture;
mod progress;
mod receiver;
mod scratch;
mod server;
mod story;
mod tally;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Format;
use super::local::{answer, answer_json};
use crate::exit::Failure;
use progress::Progress;
use receiver::Receiver;
use scratch::Scratch;
use server::ServerProcess;
use story::Story;
use tally::{Book, Tally};

/// How long the demo takes.
#[derive(Args)]
pub(crate) struct DemoArguments {
    /// Seconds during which events are published; the demo then waits for pending deliveries
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(6..=50))]
    seconds: u64,
}

/// Runs the demo. It fails if an event was lost, or a genuine delivery rejected.
pub(crate) fn run(arguments: DemoArguments, format: Format) -> Result<(), Failure> {
    let length = Duration::from_secs(arguments.seconds);
    let tally = rt::System::new().block_on(async {
        let stop = stop_signal()?;
        tokio::select! {
            tally = perform(length) => tally,
            () = stop => Err(Failure::found("the demo was stopped; nothing of it is left".to_owned())),
        }
    })?;
    match format {
        Format::Json => answer_json(&tally)?,
        Format::Text => answer(&picture::of(&tally))?,
    }
    if tally.is_good() {
        Ok(())
    } else {
        Err(Failure::found(format!(
            "{} events were lost and {} deliveries rejected",
            tally.lost, tally.rejected
        )))
    }
}

/// What this process logs: that its receiver starts and stops would only be in the way of the progress.
pub(crate) fn log_filter() -> EnvFilter {
    EnvFilter::new("warn")
}

async fn perform(length: Duration) -> Result<Tally, Failure> {
    let book = Arc::new(Book::open());
    let progress = Progress::start(length);
    // Dropped in the reverse order: the server ends before its directory goes.
    let scratch = Scratch::make()?;
    let receiver = Receiver::start(Arc::clone(&book))?;
    let server = RefCell::new(ServerProcess::start(scratch.path()).await?);
    let story = Story::begin(length, &book, &receiver, &scratch, &server, &progress).await?;
    tokio::select! {
        told = story.tell() => told?,
        () = progress.follow(&book) => {}
    }
    progress.finish();
    Ok(book.tally(story.fingerprints()))
}

/// Comes to its end with the first signal that asks the process to stop, a terminal that was closed among them.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::cannot("listen for signals", &error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
