//! The operating system's source of randomness.

use ring::rand::{SecureRandom, SystemRandom};
use webhook_domain::entropy::{Entropy, EntropyError};

/// Randomness from the operating system, through ring.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// The source.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Entropy port's one real implementation"
    )]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes).map_err(|_| EntropyError)
    }
}
