//! A form that changes something does it once, however often it is sent.
//!
//! It carries an idempotency key that was made with its page, and goes through the same slots as a request to the API: the store keeps what
//! is shown of the first success, in the transaction of the change, and gives it again. The same key with another form is refused.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use webhook_domain::access::caller::Acting;
use webhook_domain::delivery::probed::Probed;
use webhook_domain::idempotency::{IdempotencySlot, IdempotentRequest, Render, RequestFingerprint};
use webhook_domain::ports::Outcome;
use webhook_domain::services::ShownAgain;
use webhook_domain::signing::secret::SecretBytes;
use webhook_domain::time::Instant;
use webhook_domain::{ServiceError, StoreError};
use webhook_front_actix::NotHeld;

use crate::request::call::Call;
use crate::request::form::Form;
use crate::trouble::Trouble;
use crate::view::probe::ShownProbe;
use crate::view::secrets::ShownKeys;

/// What is shown of a success: what is kept of it, sealed, and shown again.
pub(crate) trait Shown: Serialize + DeserializeOwned {
    /// The secrets in it; none if there are none. That they are shown once more is audited.
    fn secrets(&self) -> Option<ShownAgain> {
        None
    }
}

impl Shown for () {}

impl Shown for String {}

impl Shown for ShownProbe {}

impl Shown for ShownKeys {
    fn secrets(&self) -> Option<ShownAgain> {
        let keys = self.fingerprints();
        self.webhook()
            .filter(|_| !keys.is_empty())
            .map(|webhook| ShownAgain::SigningKeys { webhook, keys })
    }
}

impl Call {
    /// Does what `form` asks for by `act`, or finds out what came of it before. `shown` says what is to be shown of a success: that is
    /// what is kept, sealed, and shown again.
    pub(crate) async fn once<T: Clone + 'static, A: Shown>(
        &self,
        acting: &Acting,
        form: &Form,
        shown: impl Fn(&T, Instant) -> A + Send + Sync + 'static,
        act: impl AsyncFnOnce(IdempotentRequest<T>) -> Result<Outcome<T>, ServiceError>,
    ) -> Result<A, Trouble> {
        let key = form.key().ok_or(Trouble::NoForm)?;
        let slot = IdempotencySlot {
            platform: acting.platform().clone(),
            credential: acting.credential(),
            key: key.clone(),
        };
        let held = self.shared.in_flight.hold(slot, Self::patience()).await;
        let _held = held.map_err(|not_held| match not_held {
            NotHeld::StillRunning => Trouble::StillRunning,
            NotHeld::Full => ServiceError::from(StoreError::Overloaded).into(),
        })?;
        let shown = Arc::new(shown);
        let rendered = Arc::clone(&shown);
        let render: Render<T> = Arc::new(move |subject, now| written(&rendered(subject, now)));
        let request = IdempotentRequest {
            key,
            fingerprint: RequestFingerprint::of(&[
                b"console",
                self.request.method().as_str().as_bytes(),
                self.request.path().as_bytes(),
                &form.body,
            ]),
            render,
        };
        match act(request).await? {
            Outcome::Done {
                answer: Some(stored), ..
            } => read(&stored),
            Outcome::Replayed(stored) => {
                let shown: A = read(&stored)?;
                // Before it is shown, and it is not shown if that fails.
                if let Some(secrets) = shown.secrets() {
                    self.console().webhooks.shown_again(acting, &secrets).await?;
                }
                Ok(shown)
            }
            Outcome::Done {
                subject,
                answer: None,
            } => Ok(shown(&subject, self.console().clock.now())),
        }
    }
}

impl Call {
    /// Has `send` send something at once, unless `form` has done it before, and says what came of it.
    pub(crate) async fn probe_once(
        &self,
        acting: &Acting,
        form: &Form,
        send: impl AsyncFnOnce() -> Result<Probed, ServiceError>,
    ) -> Result<ShownProbe, Trouble> {
        let probes = &self.console().probes;
        let shown = |probed: &Probed, _| ShownProbe::of(probed);
        self.once(acting, form, shown, async |request| {
            if let Some(earlier) = probes.earlier(acting, Some(&request)).await? {
                return Ok(earlier);
            }
            probes.answer(acting, send().await?, Some(&request)).await
        })
        .await
    }
}

fn written(shown: &impl Shown) -> SecretBytes {
    // What pages show are texts and numbers, which can be written; nothing would not be read back.
    SecretBytes::new(serde_json::to_vec(shown).unwrap_or_default())
}

fn read<A: Shown>(stored: &SecretBytes) -> Result<A, Trouble> {
    // The parser's own words may repeat what it read.
    serde_json::from_slice(stored.expose())
        .map_err(|_| Trouble::internal("a stored answer has a form that this version does not know"))
}
