//! Randomness that is the same at every run.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest::{Context, SHA256};

use crate::entropy::{Entropy, EntropyError};

/// Bytes that look random and follow from a seed: the SHA-256 of the seed, a count of the calls and a count
/// of the blocks. Two calls for 8 bytes or more never give the same. For tests alone: whoever knows the seed
/// knows every key.
#[derive(Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    calls: AtomicU64,
}

impl SeededEntropy {
    /// The source that follows from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            calls: AtomicU64::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        for (block, chunk) in bytes.chunks_mut(32).enumerate() {
            let mut context = Context::new(&SHA256);
            context.update(&self.seed.to_be_bytes());
            context.update(&call.to_be_bytes());
            context.update(&block.to_be_bytes());
            let digest = context.finish();
            chunk.copy_from_slice(&digest.as_ref()[..chunk.len()]);
        }
        Ok(())
    }
}
