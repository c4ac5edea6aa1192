//! Which webhooks `webhook list` lists: the conditions that the API takes.

use clap::Args;
use webhook_domain::InvalidValue;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Name, Reference, UrlHost, WebhookFilter};

/// Conditions, all of them to hold.
#[derive(Args)]
pub(super) struct FilterArguments {
    /// Only the webhook with this reference
    #[arg(long, value_parser = reference)]
    reference: Option<Reference>,
    /// Only those of exactly this name
    #[arg(long, value_parser = name)]
    name: Option<Name>,
    /// Only those that are active, or that are not: true or false
    #[arg(long, value_name = "BOOL")]
    active: Option<bool>,
    /// Only those whose queue is held up, or is not: true or false
    #[arg(long, value_name = "BOOL")]
    in_penalty_box: Option<bool>,
    /// Only those whose url has this host, without port
    #[arg(long, value_name = "HOST")]
    url_host: Option<UrlHost>,
    /// Only those that sign by this protocol
    #[arg(long, value_name = "PROTOCOL")]
    signing_protocol: Option<SigningProtocol>,
    /// Only those whose secret was last rolled or removed, or else made, before an instant like 2024-04-12T15:22:37Z
    #[arg(long, value_name = "INSTANT")]
    rolled_before: Option<Instant>,
    /// Only those whose secret is due for a roll, or is not: true or false
    #[arg(long, value_name = "BOOL")]
    roll_due: Option<bool>,
}

impl FilterArguments {
    /// What they ask for.
    pub(super) fn filter(&self) -> WebhookFilter {
        WebhookFilter {
            reference: self.reference.clone(),
            name: self.name.clone(),
            active: self.active,
            in_penalty_box: self.in_penalty_box,
            url_host: self.url_host.clone(),
            signing_protocol: self.signing_protocol,
            rolled_before: self.rolled_before,
            roll_due: self.roll_due,
        }
    }
}

fn reference(text: &str) -> Result<Reference, InvalidValue> {
    Reference::parse(text.to_owned())
}

fn name(text: &str) -> Result<Name, InvalidValue> {
    Name::parse(text.to_owned())
}
