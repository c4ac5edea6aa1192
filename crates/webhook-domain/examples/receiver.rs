//! Verifies a delivery as a receiver in Rust does, with this crate and nothing else.
//!
//! ```text
//! WEBHOOK_SECRETS='whsec_… whsec_…' cargo run -p webhook-domain --example receiver -- HEADERS_FILE BODY_FILE
//! ```

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use webhook_domain::signing::secret::SecretText;
use webhook_domain::signing::signature::{ReceiverSecret, Verifier};
use webhook_domain::time::Instant;

// receivers.md begins
/// The event's id, if one of `secrets` signed this delivery, not more than 5 minutes from `now`. `body` is as it came in.
fn verify(
    secrets: &[String],
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    now: SystemTime,
) -> Result<String, Box<dyn Error>> {
    let mut secrets = secrets
        .iter()
        .map(|text| ReceiverSecret::parse(SecretText::new(text.clone())));
    let first = Verifier::new(secrets.next().ok_or("no secret")??);
    let verifier = secrets.try_fold(first, |verifier, secret| secret.map(|secret| verifier.or(secret)))?;
    let header = |name: &str| {
        let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    };
    let now = i64::try_from(now.duration_since(UNIX_EPOCH)?.as_millis())?;
    let genuine = verifier.verify(header, body, Instant::from_milliseconds(now))?;
    Ok(genuine.id.unwrap_or_default().to_owned())
}
// receivers.md ends

#[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
fn main() -> Result<(), Box<dyn Error>> {
    let secrets: Vec<String> = std::env::var("WEBHOOK_SECRETS")?
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut files = std::env::args().skip(1);
    let (head, body) = (
        files.next().ok_or("no headers file")?,
        files.next().ok_or("no body file")?,
    );
    let headers: Vec<(String, Vec<u8>)> = std::fs::read_to_string(head)?
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec()))
        .collect();
    println!(
        "{}",
        verify(&secrets, &headers, &std::fs::read(body)?, SystemTime::now())?
    );
    Ok(())
}
