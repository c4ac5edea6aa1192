//! What a deployment allows in fields of the webhook.

use std::sync::{Arc, PoisonError, RwLock};

use super::{ActionCatalogue, TargetPolicy};

/// What a deployment allows in fields.
#[derive(Debug, Clone, Default)]
pub struct FieldRules {
    /// Where `url` may lead.
    pub targets: TargetPolicy,
    /// The actions there are.
    pub actions: CurrentActions,
}

/// The actions there are, which may be replaced while requests are served. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct CurrentActions(Arc<RwLock<Arc<ActionCatalogue>>>);

impl CurrentActions {
    /// Begins with this catalogue.
    #[must_use]
    pub fn new(catalogue: ActionCatalogue) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(catalogue))))
    }

    /// The catalogue of this moment.
    #[must_use]
    pub fn get(&self) -> Arc<ActionCatalogue> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another catalogue in its place, for requests that come from now on.
    pub fn replace(&self, catalogue: ActionCatalogue) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }
}
