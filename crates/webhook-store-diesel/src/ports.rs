//! The domain's ports, on the threads and connections of this crate.

mod answers;
mod api_keys;
mod audit;
mod events;
mod lanes;
mod webhooks;

use webhook_domain::StoreError;

pub(crate) fn unavailable(error: diesel::result::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

pub(crate) fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Corrupt(error.into())
}
