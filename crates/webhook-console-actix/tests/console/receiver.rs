//! What stands for all receivers.

use std::sync::Mutex;

use async_trait::async_trait;
use webhook_domain::delivery::attempt::{AttemptOutcome, StatusCode};
use webhook_domain::ports::{Parcel, Response, Sender, Shortage};

/// Takes what is sent, and answers 204.
#[derive(Default)]
pub(crate) struct Receiver(Mutex<usize>);

impl Receiver {
    /// How often something was sent.
    pub(crate) fn count(&self) -> usize {
        *self.0.lock().unwrap()
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, _: Parcel) -> Result<Response, Shortage> {
        *self.0.lock().unwrap() += 1;
        let status = StatusCode::new(204).unwrap();
        Ok(Response::of(AttemptOutcome::of_answer(status)))
    }
}
