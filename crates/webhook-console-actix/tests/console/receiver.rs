//! What stands for all receivers.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use webhook_domain::delivery::attempt::{AttemptOutcome, StatusCode};
use webhook_domain::ports::{Parcel, Response, Sender, Shortage};

/// Takes what is sent, and answers 204, or what it was told to.
#[derive(Default)]
pub(crate) struct Receiver {
    count: Mutex<usize>,
    answers: Mutex<VecDeque<(u16, String)>>,
}

impl Receiver {
    /// How often something was sent.
    pub(crate) fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }

    /// Has it answer with this status and body, once.
    pub(crate) fn answers(&self, status: u16, body: &str) {
        self.answers.lock().unwrap().push_back((status, body.to_owned()));
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, _: Parcel) -> Result<Response, Shortage> {
        *self.count.lock().unwrap() += 1;
        let told = self.answers.lock().unwrap().pop_front();
        let (status, body) = told.unwrap_or((204, String::new()));
        let mut response = Response::of(AttemptOutcome::of_answer(StatusCode::new(status).unwrap()));
        response.body.add(body.as_bytes());
        Ok(response)
    }
}
