//! What a probe found out, as clients see it.

use webhook_domain::services::Probed;

use super::answer::answer;

answer! {
    /// What came of something that was sent at once.
    #[document("Probe")]
    pub struct ProbeJson {
        /// Whether the receiver answered 2xx.
        successful: bool = true,
        /// What it answered, or why it did not, for people.
        message: String = "the receiver answered 204",
        /// The first KiB of what it answered, if that was not 2xx and said something soon. Credentials, secrets and
        /// signatures in it are replaced by `[redacted]`. Null for callers who may not see the event that was sent.
        response_body: Option<String> = null,
    }
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
