//! What came of sending something at once.

use serde::{Deserialize, Serialize};
use webhook_domain::delivery::probed::Probed;

use crate::trouble::sentence;

/// What is shown of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShownProbe {
    pub(crate) is_successful: bool,
    pub(crate) message: String,
}

impl ShownProbe {
    pub(crate) fn of(probed: &Probed) -> Self {
        Self {
            is_successful: probed.is_successful(),
            message: sentence(&probed.message()),
        }
    }
}
