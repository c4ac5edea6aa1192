//! Waiting for what a thread of the store's answers, but not for ever: a database may fall silent in the middle of a
//! statement, and no limit of its own ends that.

use std::time::Duration;

use tokio::sync::oneshot::Receiver;

/// Nothing was answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    /// Not in this time.
    #[error("the database has not answered for {} seconds", .0.as_secs())]
    Lasting(Duration),
    /// Whoever was to answer panicked.
    #[error("the store's thread gave up on it")]
    Final,
}

/// What is answered within `limit`.
pub(crate) async fn answer_within<T>(limit: Duration, answer: Receiver<T>) -> Result<T, Silence> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|_| Silence::Final),
        Err(_) => Err(Silence::Lasting(limit)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::channel;

    use super::*;

    #[tokio::test]
    async fn silence_is_not_waited_for_without_end() {
        let (silent, answer) = channel::<()>();
        let waited = answer_within(Duration::from_millis(10), answer).await;
        assert!(matches!(waited, Err(Silence::Lasting(_))));
        drop(silent);
        let (gone, answer) = channel::<()>();
        drop(gone);
        let waited = answer_within(Duration::from_secs(60), answer).await;
        assert!(matches!(waited, Err(Silence::Final)));
    }
}
