//! What a probe found out, as clients see it.

use serde::Serialize;
use webhook_domain::services::Probed;

/// What a probe found out, as JSON.
#[derive(Serialize)]
pub struct ProbeJson {
    successful: bool,
    message: String,
    response_body: Option<String>,
}

impl ProbeJson {
    /// `probed`, in words.
    #[must_use]
    pub fn new(probed: &Probed) -> Self {
        Self {
            successful: probed.is_successful(),
            message: probed.message(),
            response_body: probed.response_body().map(|body| body.as_str().to_owned()),
        }
    }
}
