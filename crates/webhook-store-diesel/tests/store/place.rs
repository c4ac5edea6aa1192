//! Stores to test, on databases of their own.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use tokio::runtime::Runtime;
use webhook_domain::ServiceError;
use webhook_domain::access::caller::Acting;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::Outcome;
use webhook_domain::services::{ApiKeyService, CreateWebhook, RollSecret, SecretKeyService, WebhookService};
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::signing::secret::SecretText;
use webhook_domain::testing::conformance::Ports;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::{Settings, Webhook};
use webhook_store_diesel::{DatabaseUrl, DieselStore, MasterKey, OpenError, StoreLimits, SystemEntropy};
use webhook_tests::postgres::{Cluster, Database};

/// A database that is gone when this is dropped.
#[expect(clippy::large_enum_variant, reason = "a handful per test")]
pub(crate) enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(Database),
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(Cluster::shared().create_database())
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        match self {
            Self::Sqlite(directory) => DatabaseUrl::Sqlite(directory.path().join("webhook.db")),
            Self::Postgres(database) => database.url().parse().unwrap(),
        }
    }

    pub(crate) fn open(&self) -> Arc<DieselStore> {
        self.open_with(&master_key(7)).unwrap()
    }

    pub(crate) fn open_with(&self, key: &MasterKey) -> Result<Arc<DieselStore>, OpenError> {
        DieselStore::open(
            &self.url(),
            key.clone(),
            Arc::new(SystemEntropy::new()),
            StoreLimits::default(),
        )
    }
}

pub(crate) fn master_key(byte: u8) -> MasterKey {
    MasterKey::parse(&SecretText::new(data_encoding::BASE64.encode(&[byte; 32]))).unwrap()
}

pub(crate) fn ports(store: &Arc<DieselStore>) -> Ports {
    Ports::new(store.clone())
}

/// Runs a test on a runtime with threads of its own, as a server would.
pub(crate) fn block_on<T>(test: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(test)
}

/// Makes two `#[test]`s of each function of a [`Place`]: one on SQLite, one on PostgreSQL.
macro_rules! on_each_database {
    ($($name:ident)*) => {
        mod on_sqlite {
            $(#[test] fn $name() { $crate::place::block_on(super::$name($crate::place::Place::sqlite())); })*
        }
        mod on_postgresql {
            $(#[test] fn $name() { $crate::place::block_on(super::$name($crate::place::Place::postgres())); })*
        }
    };
}

pub(crate) use on_each_database;

/// The services over one store, with time standing still.
pub(crate) struct Services {
    pub(crate) acting: Acting,
    pub(crate) webhooks: WebhookService,
    pub(crate) secrets: SecretKeyService,
    pub(crate) api_keys: ApiKeyService,
}

impl Services {
    pub(crate) fn over(store: &Arc<DieselStore>) -> Self {
        let clock = Arc::new(ManualClock::at(ManualClock::START));
        let entropy = Arc::new(SystemEntropy::new());
        Self {
            acting: fixtures::operator(&fixtures::acme()),
            webhooks: WebhookService::new(store.clone(), clock.clone(), entropy.clone()),
            secrets: SecretKeyService::new(store.clone(), clock.clone(), entropy.clone(), Overlap::DAY),
            api_keys: ApiKeyService::new(store.clone(), clock, entropy),
        }
    }

    pub(crate) async fn create(&self) -> Webhook {
        self.create_with(fixtures::bare_settings()).await.unwrap()
    }

    pub(crate) async fn create_with(&self, settings: Settings) -> Result<Webhook, ServiceError> {
        let outcome = self
            .webhooks
            .create(
                &self.acting,
                CreateWebhook {
                    settings,
                    idempotent: None,
                },
            )
            .await?;
        Ok(done(outcome))
    }

    pub(crate) async fn roll(&self, id: WebhookId, overlap: Overlap) -> Result<Webhook, ServiceError> {
        let roll = RollSecret {
            overlap: Some(overlap),
            ..RollSecret::default()
        };
        self.secrets.roll(&self.acting, id, roll).await.map(done)
    }

    pub(crate) async fn read(&self, id: WebhookId) -> Result<Webhook, ServiceError> {
        self.webhooks
            .read(&self.acting, id)
            .await
            .map(|seen| seen.webhook)
    }
}

pub(crate) fn done(outcome: Outcome) -> Webhook {
    match outcome {
        Outcome::Done { subject, .. } => *subject,
        Outcome::Replayed(_) => panic!("it was replayed"),
    }
}
