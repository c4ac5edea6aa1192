//! What was tried out on request is answered again.

use super::Ports;
use super::scene::{Scene, done, held, refused, replayed};
use crate::Refusal;
use crate::delivery::attempt::{AttemptOutcome, FailureCause, TlsFailure};
use crate::delivery::probed::Probed;
use crate::idempotency::{Idempotency, IdempotencyKey, IdempotentRequest, RequestFingerprint};
use crate::signing::secret::SecretBytes;

pub(super) fn probe(scene: &Scene, key: &str, asks: &str) -> Idempotency<Probed> {
    let request = IdempotentRequest {
        key: held(IdempotencyKey::parse(key)),
        fingerprint: RequestFingerprint::of(&[asks.as_bytes()]),
        render: std::sync::Arc::new(|probed: &Probed, _| SecretBytes::new(probed.message().into_bytes())),
    };
    request.by(&scene.acting, scene.now())
}

pub(super) const fn ended(outcome: AttemptOutcome) -> Probed {
    Probed::Ended {
        outcome,
        response_body: None,
    }
}

/// The answer to a probe is kept and given again, to the same request alone.
pub async fn a_probe_is_answered_again(ports: &Ports) {
    let scene = Scene::new(ports);
    let (first, second) = (
        ended(super::lane_scene::succeeded()),
        ended(AttemptOutcome::failed(FailureCause::Tls(TlsFailure::Expired))),
    );
    let request = || probe(&scene, "k", "test");
    assert!(held(ports.answers().earlier(&request()).await).is_none());
    let (probed, answer) = done(ports.answers().keep(first.clone(), request()).await);
    assert_eq!(probed, first);
    let answer = held(answer.ok_or("it has a name"));
    assert_eq!(answer.expose(), first.message().as_bytes());
    assert_eq!(
        replayed(ports.answers().keep(second.clone(), request()).await),
        answer
    );
    let earlier = held(held(ports.answers().earlier(&request()).await).ok_or("it was answered"));
    assert_eq!(replayed(Ok(earlier)), answer);
    let other = probe(&scene, "k", "another test");
    let reused = refused(ports.answers().keep(second, other.clone()).await);
    assert_eq!(reused, Refusal::IdempotencyKeyReused);
    assert!(ports.answers().earlier(&other).await.is_err());
    assert!(held(ports.answers().earlier(&probe(&scene, "l", "test")).await).is_none());
}
