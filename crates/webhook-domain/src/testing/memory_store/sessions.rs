//! Sessions in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::access::session::{Session, SessionDigest};
use crate::error::StoreError;
use crate::ports::SessionStore;
use crate::time::Instant;

#[async_trait]
impl SessionStore for MemoryStore {
    async fn begin(&self, session: Session, most: u32) -> Result<(), StoreError> {
        let sessions = &mut self.tables().sessions;
        sessions.insert(session.digest, session);
        let mut of_key: Vec<_> = sessions
            .values()
            .filter(|other| other.api_key.id == session.api_key.id)
            .map(|other| (other.began_at, other.digest))
            .collect();
        of_key.sort_unstable();
        let too_many = of_key.len().saturating_sub(most as usize);
        for (_, digest) in &of_key[..too_many] {
            sessions.remove(digest);
        }
        Ok(())
    }

    async fn find(&self, digest: SessionDigest) -> Result<Option<Session>, StoreError> {
        Ok(self.tables().sessions.get(&digest).copied())
    }

    async fn note_use(&self, digest: SessionDigest, at: Instant) -> Result<(), StoreError> {
        if let Some(session) = self.tables().sessions.get_mut(&digest) {
            session.used_at = session.used_at.max(at);
        }
        Ok(())
    }

    async fn end(&self, digest: SessionDigest) -> Result<(), StoreError> {
        self.tables().sessions.remove(&digest);
        Ok(())
    }

    async fn forget_ended(&self, now: Instant, limit: u32) -> Result<u32, StoreError> {
        let sessions = &mut self.tables().sessions;
        let ended = sessions.values().filter(|session| !session.is_open(now));
        let ended: Vec<_> = ended.map(|session| session.digest).take(limit as usize).collect();
        for digest in &ended {
            sessions.remove(digest);
        }
        Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX))
    }
}
