//! Answers in memory, to be given again.

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::delivery::probed::Probed;
use crate::error::{Refusal, ServiceError};
use crate::idempotency::{Idempotency, RequestFingerprint};
use crate::ports::{AnswerStore, Outcome};
use crate::signing::secret::SecretBytes;
use crate::time::Instant;

pub(super) struct StoredAnswer {
    fingerprint: RequestFingerprint,
    pub(super) at: Instant,
    answer: SecretBytes,
}

impl Tables {
    /// The answer to give again, if this request was answered before.
    pub(super) fn replay<T>(
        &self,
        idempotency: Option<&Idempotency<T>>,
    ) -> Result<Option<Outcome<T>>, Refusal> {
        let Some(idempotency) = idempotency else {
            return Ok(None);
        };
        match self.answers.get(&idempotency.slot) {
            Some(stored) if idempotency.has_outlived(stored.at) => Ok(None),
            Some(stored) if stored.fingerprint != idempotency.fingerprint => {
                Err(Refusal::IdempotencyKeyReused)
            }
            Some(stored) => Ok(Some(Outcome::Replayed(stored.answer.clone()))),
            None => Ok(None),
        }
    }

    fn answer<T>(&mut self, subject: &T, idempotency: Option<Idempotency<T>>) -> Option<SecretBytes> {
        let Idempotency {
            slot,
            fingerprint,
            at,
            render,
        } = idempotency?;
        let answer = render(subject, at);
        let stored = StoredAnswer {
            fingerprint,
            at,
            answer: answer.clone(),
        };
        self.answers.insert(slot, stored);
        Some(answer)
    }

    pub(super) fn done<T>(&mut self, subject: T, idempotency: Option<Idempotency<T>>) -> Outcome<T> {
        let answer = self.answer(&subject, idempotency);
        Outcome::Done {
            subject: Box::new(subject),
            answer,
        }
    }
}

#[async_trait]
impl AnswerStore for MemoryStore {
    async fn earlier(&self, request: &Idempotency<Probed>) -> Result<Option<Outcome<Probed>>, ServiceError> {
        Ok(self.tables().replay(Some(request))?)
    }

    async fn keep(
        &self,
        probed: Probed,
        request: Idempotency<Probed>,
    ) -> Result<Outcome<Probed>, ServiceError> {
        let mut tables = self.tables();
        if let Some(replayed) = tables.replay(Some(&request))? {
            return Ok(replayed);
        }
        Ok(tables.done(probed, Some(request)))
    }
}
