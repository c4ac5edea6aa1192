//! The three settings of bearer tokens, which go together.

use webhook_token_jwt::Trust;

use super::layers::{Layers, Wrong};
use super::{Setting, value};
use crate::files::bearer_tokens::TokenSettings;

const TOGETHER: [Setting; 3] = [Setting::JwtIssuer, Setting::JwtAudience, Setting::JwtKeysFile];

impl Layers {
    /// What is said of bearer tokens: all of it, or nothing.
    pub(super) fn tokens(&self) -> Result<Option<TokenSettings>, Wrong> {
        let issuer = self.find(Setting::JwtIssuer, value::text)?;
        let audience = self.find(Setting::JwtAudience, value::text)?;
        let keys_file = self.find(Setting::JwtKeysFile, value::path)?;
        match (issuer, audience, keys_file) {
            (Some(issuer), Some(audience), Some(keys_file)) => Ok(Some(TokenSettings {
                trust: Trust { issuer, audience },
                keys_file,
            })),
            (None, None, None) => Ok(None),
            _ => Err(Wrong::new(
                TOGETHER,
                format!(
                    "{} must be set too: bearer tokens need {}, all of them or none",
                    names(TOGETHER.into_iter().filter(|setting| !self.has(*setting))),
                    names(TOGETHER)
                ),
            )),
        }
    }
}

fn names(settings: impl IntoIterator<Item = Setting>) -> String {
    let names: Vec<_> = settings.into_iter().map(Setting::variable).collect();
    names.join(" and ")
}
