//! What a clock that was ahead has left behind, put right once the clock is.
//!
//! Nothing can have been made later than now. What says so was made by a clock that was ahead, and would last too long: an API key
//! would be good, an answer be given again, and an event be kept for as many years more. It is made to count from the moment that it is
//! found. A little is no matter, because machines that share a database have clocks of their own. A key that a roll has retired is
//! put right by the rule of rolls itself.
//!
//! A clock that shows a time before this service was written is itself wrong: by it, nothing is put right.

use std::sync::Arc;

use crate::error::StoreError;
use crate::id::ApiKeyId;
use crate::ports::{ApiKeyStore, EventStore, WebhookStore};
use crate::time::{CLOCKS_APART, Clock, EARLIEST};

/// How much is put right in one transaction.
const STEP: u32 = 200;

/// Puts right what a clock that was ahead has stored.
#[derive(Clone)]
pub struct ClockMending {
    webhooks: Arc<dyn WebhookStore>,
    api_keys: Arc<dyn ApiKeyStore>,
    events: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
}

/// What was put right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mended {
    /// How many answers.
    pub answers: u32,
    /// Which API keys: they expire at another time than was said when they were made.
    pub api_keys: Vec<ApiKeyId>,
    /// How many events.
    pub events: u32,
}

impl ClockMending {
    /// Mending of these ports.
    #[must_use]
    pub fn new<S>(store: &Arc<S>, clock: Arc<dyn Clock>) -> Self
    where
        S: WebhookStore + ApiKeyStore + EventStore + 'static,
    {
        Self {
            webhooks: store.clone(),
            api_keys: store.clone(),
            events: store.clone(),
            clock,
        }
    }

    /// Does all there is to do, in small steps.
    ///
    /// # Errors
    /// The store's; what was done before stays done.
    pub async fn run(&self) -> Result<Mended, StoreError> {
        let now = self.clock.now();
        let mut mended = Mended::default();
        if now < EARLIEST {
            return Ok(mended);
        }
        let latest = now.plus(CLOCKS_APART);
        loop {
            let keys = self.api_keys.bring_back(latest, now, STEP).await?;
            let is_last = keys.len() < STEP as usize;
            mended.api_keys.extend(keys);
            if is_last {
                break;
            }
        }
        loop {
            let answers = self.webhooks.bring_back_answers(latest, now, STEP).await?;
            mended.answers += answers;
            if answers < STEP {
                break;
            }
        }
        loop {
            let events = self.events.bring_back_events(latest, now, STEP).await?;
            mended.events += events;
            if events < STEP {
                return Ok(mended);
            }
        }
    }
}
