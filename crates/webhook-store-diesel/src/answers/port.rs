//! The answers to probes, of which nothing else is stored.

use async_trait::async_trait;
use webhook_domain::ServiceError;
use webhook_domain::delivery::probed::Probed;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{AnswerStore, Outcome};

use crate::DieselStore;
use crate::answers;
use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;

#[async_trait]
impl AnswerStore for DieselStore {
    async fn earlier(&self, request: &Idempotency<Probed>) -> Result<Option<Outcome<Probed>>, ServiceError> {
        let (request, vault) = (request.clone(), self.vault.clone());
        let read =
            move |connection: &mut AnyConnection| Ok(answers::earlier(connection, Some(&request), &vault)?);
        Ok(self.readers.run(read).await?.transpose()?)
    }

    async fn keep(
        &self,
        probed: Probed,
        request: Idempotency<Probed>,
    ) -> Result<Outcome<Probed>, ServiceError> {
        let (vault, chain) = (self.vault.clone(), self.chain.clone());
        let work = move |connection: &mut AnyConnection| {
            let keys = Keys {
                vault: &vault,
                chain: &chain,
            };
            // Answers are sealed: under the key that the head of the chain names.
            Chain::lock(connection, keys)?;
            if let Some(earlier) = answers::earlier(connection, Some(&request), &vault)? {
                return Ok(earlier);
            }
            let answer = answers::store(connection, &probed, Some(request), &vault)?;
            Ok(Ok(Outcome::Done {
                subject: Box::new(probed),
                answer,
            }))
        };
        Ok(self.writer.alone(work).await??)
    }
}
