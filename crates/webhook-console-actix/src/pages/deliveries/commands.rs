//! Lines to paste into a shell. None has a secret: where one is needed, a file stands for it.

use webhook_domain::delivery::attempt::Attempt;
use webhook_domain::webhook::{TargetUrl, Webhook};

/// The lines.
pub(super) struct Commands {
    /// Sends the same body once more, unsigned.
    pub(super) curl: Option<String>,
    /// Checks what the receiver got.
    pub(super) verify: Option<String>,
    /// The file that both read the body from.
    pub(super) file: String,
}

impl Commands {
    /// Those for `attempt` at a delivery of this event.
    pub(super) fn new(event: &str, attempt: Option<&Attempt>, webhook: Option<&Webhook>) -> Self {
        let file = format!("{event}.json");
        let url = webhook.and_then(|webhook| webhook.settings.url.as_ref());
        let curl = |url: &TargetUrl| {
            format!(
                "curl --include --header 'content-type: application/json' --header 'webhook-id: {event}' \
                 --data-binary @{file} {}",
                quoted(url.as_str())
            )
        };
        let verify = |attempt: &Attempt| {
            format!(
                "webhook-server verify --secret-file secret.txt --headers headers.txt --body {file} --at {}",
                attempt.at
            )
        };
        Self {
            curl: url.map(curl),
            verify: attempt.map(verify),
            file,
        }
    }
}

/// `text` as one word of a POSIX shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(quoted("https://a.example/?b=c&d"), "'https://a.example/?b=c&d'");
        assert_eq!(quoted("a'; touch x #$(y)`z`"), "'a'\\''; touch x #$(y)`z`'");
    }
}
