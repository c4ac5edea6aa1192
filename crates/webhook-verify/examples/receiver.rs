//! Verifies one delivery that was kept in files.
//!
//! ```text
//! WEBHOOK_SECRETS='whsec_… whsec_…' cargo run -p webhook-verify --example receiver -- HEADERS_FILE BODY_FILE
//! ```

use std::error::Error;
use std::time::SystemTime;

use webhook_verify::Verifier;

// receivers.md begins
/// The event's id, and the value of `webhook-receipt` for the response if a secret verified this delivery. One of `keys` must have signed it,
/// not more than 5 minutes from `now`. `body` is as it came in.
fn verify(
    keys: &[String],
    headers: &[(String, Vec<u8>)],
    body: &[u8],
    now: SystemTime,
) -> Result<(String, Option<String>), Box<dyn Error>> {
    let verifier = Verifier::from_keys(keys)?;
    let header = |name: &str| {
        let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    };
    let verified = verifier.verify(header, body, now)?;
    let receipt = verifier.receipt(&verified);
    Ok((verified.id.unwrap_or_default().to_owned(), receipt))
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
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    let (id, receipt) = verify(&secrets, &headers, &std::fs::read(body)?, SystemTime::now())?;
    println!("{id}");
    println!("{}", receipt.unwrap_or_default());
    Ok(())
}
