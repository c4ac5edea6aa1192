//! A platform with some webhooks over a store in memory, and processes that roll them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use webhook_domain::access::audit::{AuditAction, AuditDetails, AuditRecord, AuditStamp};
use webhook_domain::access::caller::Acting;
use webhook_domain::id::{PlatformId, ProcessId, RotationId, WebhookId};
use webhook_domain::ports::{
    AuditLog, AuditQuery, ChangeOrder, ClaimedRotation, Creation, FinishRotation, KeyExpiry,
    MatchingWebhooks, NewRotation, Outcome, RollDue, RotationStore, RotationWebhooksQuery, WebhookStore,
};
use webhook_domain::rotation::{Rotation, RotationFilter, RotationStep, RotationWebhook, Settled};
use webhook_domain::services::{
    RemoveSecret, RollSecret, RotationRun, RotationRunner, RotationService, RotationTurn, SecretKeyService,
    StartRotation,
};
use webhook_domain::signing::key_ring::{KeyRing, Overlap};
use webhook_domain::testing::{ManualClock, MemoryStore, SeededEntropy, fixtures};
use webhook_domain::time::{Clock as _, Instant};
use webhook_domain::webhook::{Labels, NeedPage, NeedQuery, Webhook, WebhookPage, WebhookQuery};
use webhook_domain::{ServiceError, StoreError};

pub(crate) struct Scene {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) platform: PlatformId,
    pub(crate) acting: Acting,
}

/// A store whose process ends at the n-th of its writes: before it is done, or after, but before anybody hears of it. From then on it
/// answers nothing.
pub(crate) struct CutOff {
    store: Arc<MemoryStore>,
    left: AtomicI64,
    /// Whether the last write is done.
    is_done: bool,
}

impl CutOff {
    pub(crate) fn new(store: Arc<MemoryStore>, left: i64, is_done: bool) -> Arc<Self> {
        let left = AtomicI64::new(left);
        Arc::new(Self { store, left, is_done })
    }

    /// A store that is not cut off.
    pub(crate) fn never(store: Arc<MemoryStore>) -> Arc<Self> {
        Self::new(store, i64::MAX, true)
    }

    /// How many writes it has not answered.
    pub(crate) fn unanswered(&self) -> i64 {
        -self.left.load(Ordering::SeqCst)
    }

    async fn write<T>(&self, work: impl Future<Output = T>) -> T {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 0 {
            return work.await;
        }
        if left == 0 && self.is_done {
            work.await;
        }
        std::future::pending().await
    }

    async fn read<T>(&self, work: impl Future<Output = T>) -> T {
        if self.left.load(Ordering::SeqCst) < 0 {
            return std::future::pending().await;
        }
        work.await
    }
}

#[async_trait]
impl WebhookStore for CutOff {
    async fn create(&self, creation: Creation) -> Result<Outcome, ServiceError> {
        self.store.create(creation).await
    }

    async fn change(&self, order: ChangeOrder) -> Result<Outcome, ServiceError> {
        self.write(self.store.change(order)).await
    }

    async fn append_record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.write(self.store.append_record(record)).await
    }

    async fn find(&self, platform: &PlatformId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        WebhookStore::find(self.store.as_ref(), platform, id).await
    }

    async fn key_ring(&self, id: WebhookId) -> Result<Option<KeyRing>, StoreError> {
        self.store.key_ring(id).await
    }

    async fn page(&self, platform: &PlatformId, query: WebhookQuery) -> Result<WebhookPage, StoreError> {
        self.store.page(platform, query).await
    }

    async fn labels(
        &self,
        platform: &PlatformId,
        webhooks: Vec<WebhookId>,
    ) -> Result<BTreeMap<WebhookId, Labels>, StoreError> {
        self.store.labels(platform, webhooks).await
    }

    async fn in_need(&self, platform: &PlatformId, query: NeedQuery) -> Result<NeedPage, StoreError> {
        self.store.in_need(platform, query).await
    }

    async fn with_expired_keys(
        &self,
        now: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        self.store.with_expired_keys(now, limit).await
    }

    async fn with_expiring_keys(
        &self,
        after: (Instant, Option<WebhookId>),
        until: Instant,
        limit: u32,
    ) -> Result<Vec<KeyExpiry>, StoreError> {
        self.store.with_expiring_keys(after, until, limit).await
    }

    async fn with_due_rolls(
        &self,
        after: (Instant, Option<WebhookId>),
        now: Instant,
        limit: u32,
    ) -> Result<Vec<RollDue>, StoreError> {
        self.store.with_due_rolls(after, now, limit).await
    }

    async fn with_keys_ahead(
        &self,
        latest: Instant,
        limit: u32,
    ) -> Result<Vec<(PlatformId, WebhookId)>, StoreError> {
        self.store.with_keys_ahead(latest, limit).await
    }

    async fn note_rolls_anew(
        &self,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Option<WebhookId>, StoreError> {
        self.store.note_rolls_anew(after, limit).await
    }

    async fn forget_answers(&self, before: Instant, limit: u32) -> Result<u32, StoreError> {
        self.store.forget_answers(before, limit).await
    }

    async fn bring_back_answers(&self, latest: Instant, now: Instant, limit: u32) -> Result<u32, StoreError> {
        self.store.bring_back_answers(latest, now, limit).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read(self.store.check()).await
    }
}

#[async_trait]
impl RotationStore for CutOff {
    async fn matching_webhooks(
        &self,
        platform: &PlatformId,
        filter: &RotationFilter,
        shown: u32,
    ) -> Result<MatchingWebhooks, StoreError> {
        self.store.matching_webhooks(platform, filter, shown).await
    }

    async fn begin_rotation(&self, rotation: NewRotation) -> Result<Outcome<Rotation>, ServiceError> {
        self.store.begin_rotation(rotation).await
    }

    async fn find_rotation(
        &self,
        platform: &PlatformId,
        id: RotationId,
    ) -> Result<Option<Rotation>, StoreError> {
        self.store.find_rotation(platform, id).await
    }

    async fn rotations(
        &self,
        platform: &PlatformId,
        before: Option<RotationId>,
        limit: u32,
    ) -> Result<Vec<Rotation>, StoreError> {
        self.store.rotations(platform, before, limit).await
    }

    async fn rotation_webhooks(
        &self,
        rotation: RotationId,
        query: RotationWebhooksQuery,
    ) -> Result<Vec<RotationWebhook>, StoreError> {
        self.read(self.store.rotation_webhooks(rotation, query)).await
    }

    async fn claim_rotations(
        &self,
        process: ProcessId,
        now: Instant,
    ) -> Result<Vec<ClaimedRotation>, StoreError> {
        self.write(self.store.claim_rotations(process, now)).await
    }

    async fn settle_step(&self, step: RotationStep, settled: Settled) -> Result<(), ServiceError> {
        self.write(self.store.settle_step(step, settled)).await
    }

    async fn finish_rotation(&self, finish: FinishRotation) -> Result<Outcome<Rotation>, ServiceError> {
        self.write(self.store.finish_rotation(finish)).await
    }

    async fn forget_rotations(&self, before: Instant) -> Result<u32, StoreError> {
        self.write(self.store.forget_rotations(before)).await
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let platform = fixtures::acme();
        Self {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(ManualClock::default()),
            entropy: Arc::new(SeededEntropy::default()),
            acting: fixtures::operator(&platform),
            platform,
        }
    }

    /// So many webhooks, in the order in which it is their turn.
    pub(crate) fn webhooks(&self, count: usize) -> Vec<Webhook> {
        let mut webhooks: Vec<_> = (0..count).map(|_| self.webhook()).collect();
        webhooks.sort_by_key(|webhook| webhook.id);
        webhooks
    }

    fn webhook(&self) -> Webhook {
        let now = self.clock.now();
        let webhook = fixtures::webhook(
            &self.platform,
            fixtures::bare_settings(),
            now,
            self.entropy.as_ref(),
        );
        let stamp = AuditStamp::new(&self.acting, now, self.entropy.as_ref()).unwrap();
        let creation = Creation {
            webhook: webhook.clone(),
            quota: None,
            audit: stamp.record(
                AuditAction::WebhookCreated,
                webhook.id.to_string(),
                AuditDetails::default(),
            ),
            announcement: None,
            idempotency: None,
        };
        finished(self.store.create(creation)).unwrap();
        webhook
    }

    fn secrets(&self) -> SecretKeyService {
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        SecretKeyService::new(self.store.clone(), clock, entropy, Overlap::DAY)
    }

    pub(crate) fn roll(&self, id: WebhookId) {
        finished(self.secrets().roll(&self.acting, id, RollSecret::default())).unwrap();
    }

    pub(crate) fn remove(&self, id: WebhookId) {
        finished(self.secrets().remove(&self.acting, id, RemoveSecret::default())).unwrap();
    }

    pub(crate) fn service(&self) -> RotationService {
        RotationService::new(
            self.store.clone(),
            self.clock.clone(),
            self.entropy.clone(),
            Overlap::DAY,
        )
    }

    /// Begins a rotation of all webhooks.
    pub(crate) fn begin(&self, mut start: StartRotation) -> Rotation {
        start.filter.all = true;
        match finished(self.service().start(&self.acting, start)).unwrap() {
            Outcome::Done { subject, .. } => *subject,
            Outcome::Replayed(_) => panic!("it is the first of its name"),
        }
    }

    /// A process over `store`.
    pub(crate) fn process<S: WebhookStore + RotationStore + 'static>(
        &self,
        store: &Arc<S>,
    ) -> RotationRunner {
        RotationRunner {
            process: ProcessId::generate(self.clock.now(), self.entropy.as_ref()).unwrap(),
            rotations: store.clone(),
            webhooks: store.clone(),
            api_keys: self.store.clone(),
            pause: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            describe: None,
            describe_rotation: None,
        }
    }

    pub(crate) fn find(&self, rotation: &Rotation) -> Rotation {
        let found = self.store.find_rotation(&self.platform, rotation.id);
        finished(found).unwrap().unwrap()
    }

    pub(crate) fn webhooks_of(&self, rotation: &Rotation) -> Vec<RotationWebhook> {
        let query = RotationWebhooksQuery {
            from: 0,
            unsettled: false,
            limit: 10_000,
        };
        finished(self.store.rotation_webhooks(rotation.id, query)).unwrap()
    }

    pub(crate) fn stored(&self, id: WebhookId) -> Webhook {
        let found = WebhookStore::find(self.store.as_ref(), &self.platform, id);
        finished(found).unwrap().unwrap()
    }

    pub(crate) fn records(&self, action: AuditAction) -> Vec<AuditRecord> {
        let query = AuditQuery {
            action: Some(action),
            ..AuditQuery::newest(10_000)
        };
        finished(AuditLog::list(self.store.as_ref(), &self.platform, query)).unwrap()
    }
}

/// Takes what there is to work at.
pub(crate) async fn claim(runner: &RotationRunner) -> Option<RotationRun> {
    runner.claim().await.unwrap().pop().map(RotationRun::new)
}

/// Goes on until there is nothing to be done at once.
pub(crate) async fn run(runner: &RotationRunner, run: &mut RotationRun) -> RotationTurn {
    loop {
        match runner.advance(run).await.unwrap() {
            RotationTurn::GoOn => {}
            turn => return turn,
        }
    }
}

/// The output of a future that never waits.
#[track_caller]
pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
    poll(future).expect("it waits")
}

/// The output of a future, unless it waits: then it is dropped, as with a process that ends.
pub(crate) fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
