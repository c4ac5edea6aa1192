//! Whose bearer tokens are believed. The issuer's keys are read once, at the start: keys that change need a restart.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use webhook_domain::ports::TokenVerifier;
use webhook_token_jwt::{JwtVerifier, MAX_JWKS_BYTES, Trust};

use crate::exit::{Failure, chain};

/// What the operator said of bearer tokens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TokenSettings {
    /// Whose tokens, meant for whom.
    pub(crate) trust: Trust,
    /// The file with the issuer's public keys.
    pub(crate) keys_file: PathBuf,
}

/// Reads the keys, if the operator wants tokens.
pub(crate) fn verifier(settings: Option<TokenSettings>) -> Result<Option<Arc<dyn TokenVerifier>>, Failure> {
    let Some(TokenSettings { trust, keys_file }) = settings else {
        return Ok(None);
    };
    let wrong = |problem: String| {
        let path = keys_file.display();
        Failure::configuration(format!("WEBHOOK_JWT_KEYS_FILE: the key set {path} {problem}"))
    };
    let text = read(&keys_file).map_err(|error| wrong(format!("cannot be read: {}", chain(&error))))?;
    let (issuer, audience) = (trust.issuer.clone(), trust.audience.clone());
    let verifier = JwtVerifier::new(trust, &text).map_err(|error| wrong(chain(&error)))?;
    tracing::info!(
        token.issuer = issuer,
        token.audience = audience,
        token.keys = verifier.key_count(),
        "bearer tokens are taken beside API keys"
    );
    Ok(Some(Arc::new(verifier)))
}

/// One byte more than a key set may have tells that it is too long.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let bound = u64::try_from(MAX_JWKS_BYTES + 1).unwrap_or(u64::MAX);
    File::open(path)?.take(bound).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// What is said of a file with this content, or of none.
    fn refusal(content: Option<&str>) -> String {
        let directory = TempDir::new().unwrap();
        let keys_file = directory.path().join("keys.json");
        if let Some(content) = content {
            std::fs::write(&keys_file, content).unwrap();
        }
        let trust = Trust {
            issuer: "https://id.example".into(),
            audience: "webhooks".into(),
        };
        let failure = verifier(Some(TokenSettings { trust, keys_file })).err().unwrap();
        assert_eq!(failure.status(), 2);
        assert!(
            failure
                .message()
                .starts_with("WEBHOOK_JWT_KEYS_FILE: the key set /")
        );
        assert!(!failure.message().contains("hunter2"), "{}", failure.message());
        failure.message().split_once("keys.json ").unwrap().1.to_owned()
    }

    #[test]
    fn a_file_that_is_not_there_or_no_key_set_stops_the_start() {
        assert!(refusal(None).starts_with("cannot be read: "));
        assert_eq!(refusal(Some("hunter2")), "must be JSON; line 1, column 1 is not");
        assert_eq!(refusal(Some("{\"keys\": []}")), "must have 1 to 100 keys");
        assert_eq!(
            refusal(Some(&" ".repeat(70_000))),
            "must have at most 65536 bytes"
        );
        let private = "{\"keys\": [{\"kty\": \"OKP\", \"d\": \"hunter2\"}]}";
        assert!(refusal(Some(private)).starts_with("has a key, number 1, that is a private key"));
    }

    #[test]
    fn nothing_is_read_when_no_tokens_are_wanted() {
        assert!(verifier(None).unwrap().is_none());
    }
}
