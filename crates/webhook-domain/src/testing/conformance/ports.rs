//! The ports of the store under test.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::verdict::fail;
use crate::ports::{
    AnswerStore, ApiKeyStore, AuditLog, DeliveryPause, DeliveryQueue, EventStore, KeyCheckStore,
    RotationStore, SessionStore, WebhookStore,
};

/// A port that a rule may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// [`WebhookStore`].
    Webhooks,
    /// [`AnswerStore`].
    Answers,
    /// [`ApiKeyStore`].
    ApiKeys,
    /// [`AuditLog`].
    Audit,
    /// [`EventStore`].
    Events,
    /// [`DeliveryQueue`].
    Lanes,
    /// [`DeliveryPause`].
    Pause,
    /// [`KeyCheckStore`].
    KeyChecks,
    /// [`RotationStore`].
    Rotations,
    /// [`SessionStore`].
    Sessions,
}

impl Port {
    const ALL: [Self; 10] = [
        Self::Webhooks,
        Self::Answers,
        Self::ApiKeys,
        Self::Audit,
        Self::Events,
        Self::Lanes,
        Self::Pause,
        Self::KeyChecks,
        Self::Rotations,
        Self::Sessions,
    ];
}

/// How long others may take to let go of a store.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

type Opening = Pin<Box<dyn Future<Output = Ports>>>;

/// The ports of one store, or some of them. Clones are of the same store, also once it was reopened.
#[derive(Clone)]
pub struct Ports {
    open: Arc<Mutex<Open>>,
    /// Those that may be used.
    allowed: Vec<Port>,
    reopen: Option<Arc<dyn Fn() -> Opening>>,
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

/// The handles to an open store.
#[derive(Clone, Default)]
struct Open {
    webhooks: Option<Arc<dyn WebhookStore>>,
    answers: Option<Arc<dyn AnswerStore>>,
    api_keys: Option<Arc<dyn ApiKeyStore>>,
    audit: Option<Arc<dyn AuditLog>>,
    events: Option<Arc<dyn EventStore>>,
    lanes: Option<Arc<dyn DeliveryQueue>>,
    pause: Option<Arc<dyn DeliveryPause>>,
    key_checks: Option<Arc<dyn KeyCheckStore>>,
    rotations: Option<Arc<dyn RotationStore>>,
    sessions: Option<Arc<dyn SessionStore>>,
}

/// A store that may be open still.
trait Handle {
    fn is_in_use(&self) -> bool;
}

impl<T: ?Sized> Handle for Weak<T> {
    fn is_in_use(&self) -> bool {
        self.strong_count() > 0
    }
}

impl Open {
    fn handles(&self) -> Vec<Box<dyn Handle>> {
        fn of<T: ?Sized + 'static>(port: Option<&Arc<T>>) -> Option<Box<dyn Handle>> {
            port.map(|port| -> Box<dyn Handle> { Box::new(Arc::downgrade(port)) })
        }
        let all = [
            of(self.webhooks.as_ref()),
            of(self.answers.as_ref()),
            of(self.api_keys.as_ref()),
            of(self.audit.as_ref()),
            of(self.events.as_ref()),
            of(self.lanes.as_ref()),
            of(self.pause.as_ref()),
            of(self.key_checks.as_ref()),
            of(self.rotations.as_ref()),
            of(self.sessions.as_ref()),
        ];
        all.into_iter().flatten().collect()
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ports").field(&self.allowed).finish()
    }
}

/// Adds a port to those under test, and gives it to a rule.
macro_rules! port {
    ($port:ident, $trait:ident, $with:ident, $get:ident) => {
        #[doc = concat!("These ports and [`", stringify!($trait), "`](crate::ports::", stringify!($trait), ").")]
        #[must_use]
        pub fn $with(self, store: Arc<dyn $trait>) -> Self {
            self.open().$get = Some(store);
            self
        }

        #[doc = concat!("The [`", stringify!($trait), "`](crate::ports::", stringify!($trait), ") under test.")]
        ///
        /// # Panics
        /// When it is not among these ports.
        #[must_use]
        #[track_caller]
        pub fn $get(&self) -> Arc<dyn $trait> {
            let store = self.open().$get.clone();
            match store.filter(|_| self.allowed.contains(&Port::$port)) {
                Some(store) => store,
                None => fail(concat!("a ", stringify!($trait), " is used, which is not among the ports")),
            }
        }
    };
}

impl Ports {
    /// The ports of a store that has all of them.
    #[must_use]
    pub fn new<S>(store: Arc<S>) -> Self
    where
        S: WebhookStore
            + AnswerStore
            + ApiKeyStore
            + AuditLog
            + EventStore
            + DeliveryQueue
            + DeliveryPause
            + KeyCheckStore
            + RotationStore
            + SessionStore
            + 'static,
    {
        Self::none()
            .with_webhooks(store.clone())
            .with_answers(store.clone())
            .with_api_keys(store.clone())
            .with_audit(store.clone())
            .with_events(store.clone())
            .with_lanes(store.clone())
            .with_pause(store.clone())
            .with_key_checks(store.clone())
            .with_rotations(store.clone())
            .with_sessions(store)
    }

    /// No ports yet: to begin with, where a store has only some of them.
    #[must_use]
    pub fn none() -> Self {
        Self {
            open: Arc::default(),
            allowed: Port::ALL.to_vec(),
            reopen: None,
            kept: None,
        }
    }

    port!(Webhooks, WebhookStore, with_webhooks, webhooks);
    port!(Answers, AnswerStore, with_answers, answers);
    port!(ApiKeys, ApiKeyStore, with_api_keys, api_keys);
    port!(Audit, AuditLog, with_audit, audit);
    port!(Events, EventStore, with_events, events);
    port!(Lanes, DeliveryQueue, with_lanes, lanes);
    port!(Pause, DeliveryPause, with_pause, pause);
    port!(KeyChecks, KeyCheckStore, with_key_checks, key_checks);
    port!(Rotations, RotationStore, with_rotations, rotations);
    port!(Sessions, SessionStore, with_sessions, sessions);

    /// The ports, with a way to open the store again once it was closed. A store is closed by dropping the last handle to it, as when
    /// its process ends without a word: neither `reopen` nor what is [kept](Self::keeping) may hold one.
    #[must_use]
    pub fn reopening<F, O>(mut self, reopen: F) -> Self
    where
        F: Fn() -> O + 'static,
        O: Future<Output = Self> + 'static,
    {
        self.reopen = Some(Arc::new(move || -> Opening { Box::pin(reopen()) }));
        self
    }

    /// The ports, keeping `guard` until they are dropped, such as a temporary directory. It stays while the store is reopened.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.kept = Some(Arc::new(guard));
        self
    }

    /// These ports and no others.
    #[must_use]
    pub fn only(mut self, ports: &[Port]) -> Self {
        self.allowed = ports.to_vec();
        self
    }

    /// Closes the store and opens it again. From then on these ports, and every clone of them, are those of the store as it was
    /// opened.
    ///
    /// # Panics
    /// When nothing [says how](Self::reopening), or somebody has a handle to the store still.
    pub async fn reopen(&self) {
        let Some(reopen) = &self.reopen else {
            fail("nothing says how the store is opened again: see `Ports::reopening`");
        };
        let before = std::mem::take(&mut *self.open());
        let handles = before.handles();
        drop(before);
        // What runs on other threads may let go of the store a moment later.
        let patience = Instant::now() + CLOSED_WITHIN;
        while handles.iter().any(|handle| handle.is_in_use()) {
            if Instant::now() > patience {
                fail(
                    "the store is not closed: somebody has a handle to it still, such as what the ports keep",
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let opened = reopen().await;
        *self.open() = opened.open().clone();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
