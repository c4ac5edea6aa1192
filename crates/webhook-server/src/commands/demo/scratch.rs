//! The directory of a demo: its owner's alone, under a name nobody can guess, removed when dropped.

use std::fs::{DirBuilder, remove_dir_all};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use webhook_domain::entropy::Entropy as _;
use webhook_store_diesel::SystemEntropy;

use crate::commands::local::remark;
use crate::exit::Failure;

/// A directory that goes when this does.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes the directory where the machine has such directories.
    pub(super) fn make() -> Result<Self, Failure> {
        let mut name = [0; 8];
        SystemEntropy::new()
            .fill(&mut name)
            .map_err(|error| Failure::cannot("name a temporary directory", &error))?;
        let name = format!("webhook-demo-{:016x}", u64::from_be_bytes(name));
        let path = std::env::temp_dir().join(name);
        // Not recursive: a directory that is there already is somebody else's.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::cannot(&format!("make {}", path.display()), &error))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove_dir_all(&self.0) {
            remark(&format!("cannot remove {}: {error}", self.0.display()));
        }
    }
}
