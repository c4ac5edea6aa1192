//! Sending something at once: test events, and what waits in the penalty box.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use actix_web::http::Method;
use async_trait::async_trait;
use serde_json::{Value, json};
use webhook_domain::access::permission::Permission;
use webhook_domain::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, ResponseBody, StatusCode,
};
use webhook_domain::delivery::lane::LEASE;
use webhook_domain::delivery::retry_schedule::{Jitter, RetrySchedule};
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{DeliveryQueue as _, Parcel, Response, Sender, Shortage, Turn};
use webhook_domain::services::ProbePlaces;
use webhook_domain::testing::SeededEntropy;
use webhook_domain::time::Clock as _;
use webhook_http_actix::{Core, HttpLimits};

use crate::test_service::*;

/// Takes what is sent, and answers what it was told to, and 204 after that.
#[derive(Default)]
pub(crate) struct Receiver {
    got: Mutex<Vec<Parcel>>,
    answers: Mutex<VecDeque<AttemptOutcome>>,
    is_short: AtomicBool,
}

impl Receiver {
    pub(crate) fn answer(&self, outcome: AttemptOutcome) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(outcome);
    }

    pub(crate) fn count(&self) -> usize {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn last<T>(&self, read: impl FnOnce(&Parcel) -> T) -> T {
        read(
            self.got
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .last()
                .unwrap(),
        )
    }
}

#[async_trait]
impl Sender for Receiver {
    async fn send(&self, parcel: Parcel) -> Result<Response, Shortage> {
        if self.is_short.load(Ordering::Acquire) {
            return Err(Shortage::FileDescriptors);
        }
        self.got
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(parcel);
        let told = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let mut response = Response::of(told.unwrap_or(answered(204)));
        if let AttemptOutcome::Failed { .. } = response.outcome {
            response.body.add(REFUSED.as_bytes());
        }
        Ok(response)
    }
}

/// What refusing receivers say.
const REFUSED: &str = "no such invoice";

pub(crate) fn answered(status: u16) -> AttemptOutcome {
    AttemptOutcome::of_answer(StatusCode::new(status).unwrap())
}

const TO_EXAMPLE: &str = r#"{"name":null,"reference":null,"url":"https://example.com/hook","active":false,
    "authentication_type":"API_KEY","api_header_field":"X-Key","api_key":"k1"}"#;

fn header(parcel: &Parcel, name: &str) -> String {
    let found = parcel
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.unwrap().1.clone()
}

#[actix_web::test]
async fn a_test_event_is_signed_and_its_outcome_told() {
    let service = TestService::new();
    let id = service.made(TO_EXAMPLE).await;
    let path = format!("/v1/webhooks/{id}/send-test");
    let sent = service.post(&path).await;
    sent.answers(200);
    assert_eq!(
        sent.json(),
        json!({"successful": true, "message": "the receiver answered 204", "response_body": null})
    );
    service.receiver.last(|parcel| {
        assert_eq!(parcel.url.as_str(), "https://example.com/hook");
        let body: Value = serde_json::from_slice(&parcel.body).unwrap();
        assert_eq!(body["type"], "WEBHOOK.TEST");
        assert_eq!(body["data"], json!({"webhook_id": id}));
        assert!(header(parcel, "x-payload-signature").starts_with("v1="));
        assert!(header(parcel, "webhook-id").starts_with("evt_"));
    });
    for (outcome, message) in [
        (answered(503), "the receiver answered 503"),
        (
            AttemptOutcome::failed(FailureCause::ForbiddenAddress),
            "the receiver's address may not be delivered to",
        ),
    ] {
        service.receiver.answer(outcome);
        let sent = service.post(&path).await;
        assert_eq!(
            sent.json(),
            json!({"successful": false, "message": message, "response_body": REFUSED})
        );
    }
    let listed = service.seen("/v1/webhook-events").await;
    assert_eq!(listed.json()["data"], json!([]), "a test event is no event");
}

#[actix_web::test]
async fn a_connection_is_tested_without_a_webhook() {
    let service = TestService::new();
    let tested = service
        .post_body("/v1/webhooks/test-connection", TO_EXAMPLE)
        .await;
    tested.answers(200);
    assert_eq!(tested.json()["successful"], true);
    service.receiver.last(|parcel| {
        let body: Value = serde_json::from_slice(&parcel.body).unwrap();
        assert_eq!(body["data"], json!({"webhook_id": null}));
        assert!(header(parcel, "webhook-signature").starts_with("v1,"));
    });
    assert_eq!(service.seen("/v1/webhooks").await.json()["data"], json!([]));
    service
        .post_body("/v1/webhooks/test-connection", CREATE)
        .await
        .refuses(400, "MISSING_FIELD", Some("url"));
    service
        .post_body("/v1/webhooks/test-connection", "")
        .await
        .refuses(400, "BAD_REQUEST", None);
    let literal = TO_EXAMPLE.replace("example.com", "127.0.0.1");
    service
        .post_body("/v1/webhooks/test-connection", &literal)
        .await
        .refuses(400, "INVALID_FIELD", Some("url"));
    assert_eq!(service.receiver.count(), 1);
}

#[actix_web::test]
async fn what_cannot_be_sent_is_refused() {
    let service = TestService::new();
    let id = service.made(CREATE).await;
    for (id, probe, status, code) in [
        (id.as_str(), "send-test", 409, "INVALID_OPERATION"),
        (id.as_str(), "send-penalty-box-payload", 409, "INVALID_OPERATION"),
        (NO_ONES_ID, "send-test", 404, "RESOURCE_NOT_FOUND"),
        (NO_ONES_ID, "send-penalty-box-payload", 404, "RESOURCE_NOT_FOUND"),
    ] {
        let refused = service.post(&format!("/v1/webhooks/{id}/{probe}")).await;
        refused.refuses(status, code, None).is_about("WEBHOOK", Some(id));
        let path = format!("/v1/webhooks/{id}/{probe}");
        service
            .post_body(&path, "{}")
            .await
            .refuses(400, "BAD_REQUEST", None);
    }
    for probe in ["send-test", "send-penalty-box-payload"] {
        let path = format!("/v1/webhooks/nonsense/{probe}");
        service.post(&path).await.refuses(400, "INVALID_ID", None);
    }
    assert_eq!(service.receiver.count(), 0);
}

#[actix_web::test]
async fn a_probe_that_is_asked_for_again_is_made_once() {
    let service = TestService::new();
    let id = service.made(TO_EXAMPLE).await;
    let path = format!("/v1/webhooks/{id}/send-test");
    service.receiver.answer(answered(500));
    let first = service.named(&path, "k").await;
    let again = service.named(&path, "k").await;
    assert_eq!(
        (&first.body, first.header("idempotent-replayed")),
        (&again.body, None)
    );
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(service.receiver.count(), 1);
    let other = format!("/v1/webhooks/{id}/send-penalty-box-payload");
    service
        .named(&other, "k")
        .await
        .refuses(409, "IDEMPOTENCY_CHECK_FAILED", None);
    service.named(&path, "l").await.answers(200);
    assert_eq!(service.receiver.count(), 2);
}

#[actix_web::test]
async fn no_more_probes_are_made_at_a_time_than_may_be() {
    let mut service = TestService::new();
    service.api.probes.places = ProbePlaces::new(0);
    service.core = Core::new(service.api.clone(), HttpLimits::default());
    let id = service.made(TO_EXAMPLE).await;
    let refused = service.post(&format!("/v1/webhooks/{id}/send-test")).await;
    refused.refuses(503, "INTERNAL_ERROR", None);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(service.receiver.count(), 0);
}

#[actix_web::test]
async fn want_of_our_own_is_not_said_to_be_the_receivers() {
    let service = TestService::new();
    let id = service.made(TO_EXAMPLE).await;
    service.receiver.is_short.store(true, Ordering::Release);
    let paths = [
        format!("/v1/webhooks/{id}/send-test"),
        "/v1/webhooks/test-connection".to_owned(),
    ];
    for (path, body) in paths.iter().zip(["", TO_EXAMPLE]) {
        let refused = service.post_body(path, body).await;
        refused.refuses(503, "INTERNAL_ERROR", None);
        assert!(refused.header("retry-after").is_some());
        let message = refused.text("message");
        assert!(message.contains("no file descriptor left"), "{message}");
    }
}

/// Does the turn of the delivery at the head of a webhook's queue.
struct Worker<'a> {
    service: &'a TestService,
    process: ProcessId,
    webhook: WebhookId,
}

impl<'a> Worker<'a> {
    async fn new(service: &'a TestService, webhook: &str) -> Self {
        let now = service.clock.now();
        let process = ProcessId::generate(now, &SeededEntropy::new(3)).unwrap();
        assert!(service.store.join(process, LEASE, now).await.unwrap());
        let webhook = webhook.parse().unwrap();
        service.store.take(process, vec![webhook], now).await.unwrap();
        Self {
            service,
            process,
            webhook,
        }
    }

    async fn turn(&self, outcome: AttemptOutcome) {
        let look = self.service.store.look(self.process, self.webhook, None, 1);
        let lane = look.await.unwrap().unwrap();
        let head = &lane.queued[0];
        let attempt = Attempt {
            response_body: matches!(outcome, AttemptOutcome::Failed { .. })
                .then(|| ResponseBody::restore(REFUSED)),
            at: self.service.clock.now(),
            duration: std::time::Duration::from_millis(3),
            key_fingerprints: Vec::new(),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome,
        };
        let schedule = RetrySchedule::default();
        let aftermath = lane.penalty_box.after(&attempt, None, &schedule, Jitter::NONE);
        let turn = Turn {
            position: head.position,
            epoch: lane.epoch,
            number: head.attempts + 1,
            version: lane.webhook.version,
            delivery: head.delivery.clone().after(aftermath.head, attempt.ended_at()),
            attempt,
            penalty_box: aftermath.penalty_box,
            trace: None,
            tells: Vec::new(),
        };
        self.service.store.record(self.process, vec![turn]).await.unwrap();
    }
}

#[actix_web::test]
async fn what_waits_in_the_penalty_box_is_shown_and_sent_on_request() {
    let service = TestService::new();
    let id = service.made(&TO_EXAMPLE.replace("false", "true")).await;
    let worker = Worker::new(&service, &id).await;
    let event = r#"{"type":"INVOICE.CREATED","data":{"total":1}}"#;
    service.post_body("/v1/events", event).await.answers(202);
    worker.turn(answered(503)).await;

    let shown = service.seen(&format!("/v1/webhooks/{id}")).await.json();
    assert_eq!(shown["penalty_box"], "2024-04-12T15:22:37Z");
    let expected = json!({"retry_count": 0, "retry_at": "2024-04-12T15:24:37Z", "status_code": 503,
        "cause": "STATUS_CODE", "payload": r#"{"created_at":"2024-04-12T15:22:37Z","type":"INVOICE.CREATED","environment":"TEST","data":{"total":1}}"#});
    assert_eq!(shown["penalty_box_data"], expected);
    for (method, path) in [
        (Method::PATCH, format!("/v1/webhooks/{id}")),
        (Method::PATCH, format!("/v1/webhooks/{id}/secret-key")),
        (Method::DELETE, format!("/v1/webhooks/{id}/secret-key")),
    ] {
        let body = match method {
            Method::PATCH => shown.to_string(),
            _ => String::new(),
        };
        let changed = service.ask(Ask::new(method.clone(), path).body(body)).await;
        changed.succeeds(200);
        let payload = changed.json()["penalty_box_data"]["payload"].clone();
        assert!(payload.is_string() || payload.is_null(), "{method}: {payload}");
    }
    let blind = service.key_of("acme", &[Permission::WebhookView]);
    let withheld = service
        .ask_as(Some(&blind), get(format!("/v1/webhooks/{id}")))
        .await
        .json();
    assert_eq!(withheld["penalty_box_data"]["payload"], Value::Null);
    assert_eq!(withheld["penalty_box_data"]["cause"], "STATUS_CODE");
    let listed = service.seen("/v1/webhooks").await.json();
    assert_eq!(listed["data"][0]["penalty_box"], shown["penalty_box"]);
    assert_eq!(listed["data"][0]["penalty_box_data"]["payload"], Value::Null);

    let path = format!("/v1/webhooks/{id}/send-penalty-box-payload");
    for (outcome, successful) in [(answered(500), false), (answered(200), true)] {
        let work = async {
            service.store.arrivals(worker.process).await;
            worker.turn(outcome).await;
        };
        let (answer, ()) = tokio::join!(service.post(&path), work);
        answer.answers(200);
        assert_eq!(answer.json()["successful"], successful);
        let body = if successful { Value::Null } else { json!(REFUSED) };
        assert_eq!(answer.json()["response_body"], body);
    }
    let listed = service.seen("/v1/webhook-events").await.json()["data"][0].clone();
    let delivery = listed["id"].as_str().unwrap();
    let whole = service
        .seen(&format!("/v1/webhook-events/{delivery}"))
        .await
        .json();
    assert_eq!(whole["attempts"][1]["response_body"], REFUSED);
    assert_eq!(whole["attempts"][2]["response_body"], Value::Null);
    assert_eq!(
        listed["attempts"][1]["response_body"],
        Value::Null,
        "lists are short"
    );
    assert_eq!(listed["attempts"][1]["cause"], "STATUS_CODE");

    let shown = service.seen(&format!("/v1/webhooks/{id}")).await.json();
    assert_eq!(
        (&shown["penalty_box"], &shown["penalty_box_data"]),
        (&Value::Null, &Value::Null)
    );
    service.post(&path).await.refuses(409, "INVALID_OPERATION", None);
}

impl TestService {
    /// The id of a webhook made of this.
    async fn made(&self, body: &str) -> String {
        let created = self.ask(create(body)).await;
        created.succeeds(201);
        created.text("id")
    }

    async fn seen(&self, path: &str) -> Answer {
        self.ask(get(path)).await
    }

    async fn post(&self, path: &str) -> Answer {
        self.post_body(path, "").await
    }

    async fn post_body(&self, path: &str, body: &str) -> Answer {
        self.ask(Ask::new(Method::POST, path).body(body)).await
    }

    async fn named(&self, path: &str, key: &str) -> Answer {
        let ask = Ask::new(Method::POST, path);
        self.ask(ask.header("idempotency-key", key)).await
    }
}
