//! Whose bearer tokens are believed. The issuer's keys are in a file, which is followed: issuers replace their keys.
//!
//! The file's content is looked at, not its time, so a rename over it, a symbolic link that points elsewhere (as Kubernetes
//! has it) and a change in place are seen alike. A content that cannot be used, such as half of a file, changes nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use webhook_domain::access::caller::Caller;
use webhook_domain::ports::TokenVerifier;
use webhook_domain::time::Instant;
use webhook_token_jwt::{JwtVerifier, MAX_JWKS_BYTES, SkippedKey, Trust};

use crate::exit::{Failure, chain};

/// What the operator said of bearer tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenSettings {
    /// Whose tokens, meant for whom.
    pub(crate) trust: Trust,
    /// The file with the issuer's public keys.
    pub(crate) keys_file: PathBuf,
}

/// The keys in force. Clones are the same.
#[derive(Clone)]
pub(crate) struct CurrentKeys(Arc<RwLock<Arc<JwtVerifier>>>);

impl TokenVerifier for CurrentKeys {
    fn verify(&self, token: &str, now: Instant) -> Option<Caller> {
        let verifier = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        verifier.verify(token, now)
    }
}

/// The file of a key set, and the keys that were read from it.
pub(crate) struct KeySetFile {
    settings: TokenSettings,
    keys: CurrentKeys,
    /// What was seen last in the file, right or wrong: a content, or why there is none.
    seen: Result<String, String>,
    /// The keys that were said to be skipped, and why.
    said: HashSet<String>,
}

impl KeySetFile {
    /// Reads the keys for the first time.
    ///
    /// # Errors
    /// When the file cannot be read, or has no key that can be used.
    pub(crate) fn open(settings: TokenSettings) -> Result<Self, Failure> {
        let seen = read(&settings.keys_file);
        let verifier = verifier(&settings, &seen).map_err(Failure::configuration)?;
        tracing::info!(
            token.issuer = settings.trust.issuer,
            token.audience = settings.trust.audience,
            token.keys = verifier.key_count(),
            "bearer tokens are taken beside API keys"
        );
        let mut said = HashSet::new();
        say_skipped(verifier.skipped(), &mut said);
        Ok(Self {
            settings,
            keys: CurrentKeys(Arc::new(RwLock::new(Arc::new(verifier)))),
            seen,
            said,
        })
    }

    /// The keys in force, from now on and whatever becomes of the file.
    pub(crate) fn keys(&self) -> CurrentKeys {
        self.keys.clone()
    }

    /// Takes what is new in the file. A pipe or a device can be read but once, and is not followed.
    pub(crate) fn follow(&mut self) {
        if std::fs::metadata(&self.settings.keys_file).is_ok_and(|metadata| !metadata.is_file()) {
            return;
        }
        let seen = read(&self.settings.keys_file);
        if seen != self.seen {
            self.take(seen);
        }
    }

    /// Takes what is in the file, new or not, and says so.
    pub(crate) fn read_anew(&mut self) {
        if std::fs::metadata(&self.settings.keys_file).is_ok_and(|metadata| !metadata.is_file()) {
            return;
        }
        self.take(read(&self.settings.keys_file));
    }

    fn take(&mut self, seen: Result<String, String>) {
        match verifier(&self.settings, &seen) {
            Ok(verifier) => {
                tracing::info!(
                    file.path = %self.settings.keys_file.display(),
                    token.keys = verifier.key_count(),
                    "the key set was read anew"
                );
                say_skipped(verifier.skipped(), &mut self.said);
                *self.keys.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(verifier);
            }
            Err(problem) => tracing::warn!("{problem}; the keys before stay in force"),
        }
        self.seen = seen;
    }
}

/// The verifier of what is in the file, or a sentence that says why there is none.
fn verifier(settings: &TokenSettings, seen: &Result<String, String>) -> Result<JwtVerifier, String> {
    let wrong = |problem: &str| {
        let path = settings.keys_file.display();
        format!("WEBHOOK_JWT_KEYS_FILE: the key set {path} {problem}")
    };
    let text = seen.as_ref().map_err(|problem| wrong(problem))?;
    JwtVerifier::new(settings.trust.clone(), text).map_err(|error| wrong(&chain(&error)))
}

/// Says each key that is skipped, once.
fn say_skipped(skipped: &[SkippedKey], said: &mut HashSet<String>) {
    for key in skipped {
        // Keys that come and go must not be kept for ever.
        if said.len() >= MOST_SAID {
            said.clear();
        }
        if !said.insert(format!("{:?} {}", key.kid, key.problem)) {
            continue;
        }
        if key.is_exposed {
            tracing::warn!("in the key set, {key}");
        } else {
            tracing::info!("in the key set, {key}; it is skipped");
        }
    }
}

/// How many skipped keys are remembered.
const MOST_SAID: usize = 1_000;

/// One byte more than a key set may have tells that it is too long.
fn read(path: &Path) -> Result<String, String> {
    try_read(path).map_err(|error| format!("cannot be read: {}", chain(&error)))
}

fn try_read(path: &Path) -> io::Result<String> {
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
        let failure = KeySetFile::open(TokenSettings { trust, keys_file })
            .err()
            .unwrap();
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
        assert!(refusal(Some(private)).starts_with("has no key that can be used: key 1 is a private key"));
    }
}
