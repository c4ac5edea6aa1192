//! Checks the signatures of one delivery, for receivers who want to know why theirs does not verify.
//!
//! Each family of headers that the delivery has is checked for itself. Where one does not verify, what is often the reason is
//! tried: an old delivery, a line feed that an editor put behind the body or took from it. No secret is printed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use webhook_domain::time::{Clock, Instant};
use webhook_verify::{
    Key, KeyError, MESSAGE_SIGNATURE, PAYLOAD_SIGNATURE, VerificationError, Verified, Verifier,
};

use super::{Format, local};
use crate::clock::SystemClock;
use crate::exit::Failure;

/// As good as any age.
const ANY_AGE: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The delivery, and what to check it with.
#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// A secret, `whsec_…`, or a public key, `whpk_…`; repeat it during an overlap. Every user of the machine can see arguments: prefer --secret-file
    #[arg(
        long = "secret",
        value_name = "SECRET",
        required_unless_present = "secret_files"
    )]
    secrets: Vec<String>,
    /// File that has a secret or a public key on each line
    #[arg(long = "secret-file", value_name = "FILE")]
    secret_files: Vec<PathBuf>,
    /// File that has the delivery's headers, `Name: value` on each line
    #[arg(long, value_name = "FILE")]
    headers: PathBuf,
    /// File that has the delivery's body, byte for byte
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// How far the delivery's timestamp may be from the time of the check
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    tolerance: u32,
    /// The time of the check, such as 2024-04-12T15:22:37Z [default: now]
    #[arg(long, value_name = "INSTANT")]
    at: Option<Instant>,
}

/// A header of signatures, and what came of it.
#[derive(Serialize)]
struct Checked {
    header: &'static str,
    verified: bool,
    /// The secret that signed it.
    secret_fingerprint: Option<String>,
    signed_at: Option<String>,
    problem: Option<String>,
}

/// Checks, prints what came of it, and fails unless all that is there verifies.
pub(crate) fn run(arguments: &VerifyArguments, format: Format) -> Result<(), Failure> {
    let delivery = Delivery::read(arguments)?;
    let checked: Vec<Checked> = [PAYLOAD_SIGNATURE, MESSAGE_SIGNATURE]
        .into_iter()
        .filter(|header| delivery.header(header).is_some() && delivery.can_check(header))
        .map(|header| delivery.check(header))
        .collect();
    if checked.is_empty() {
        return Err(Failure::found(format!(
            "the headers have neither {PAYLOAD_SIGNATURE} nor {MESSAGE_SIGNATURE}: the delivery is unsigned, or they were not kept"
        )));
    }
    match format {
        Format::Json => local::answer_json(&checked)?,
        Format::Text => {
            let lines: Vec<String> = checked.iter().map(Checked::line).collect();
            local::answer(&(lines.join("\n") + "\n"))?;
        }
    }
    match checked.iter().all(|checked| checked.verified) {
        true => Ok(()),
        false => Err(Failure::found("the delivery does not verify".to_owned())),
    }
}

impl Checked {
    fn line(&self) -> String {
        let Self {
            header,
            secret_fingerprint,
            signed_at,
            problem,
            ..
        } = self;
        match (secret_fingerprint, signed_at, problem) {
            (Some(secret), Some(at), None) => format!("{header}: verified, signed at {at} with {secret}"),
            _ => format!("{header}: {}", problem.as_deref().unwrap_or("not verified")),
        }
    }
}

/// What is checked, and with what.
struct Delivery {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    verifier: Verifier,
    fingerprints: Vec<String>,
    /// Only secrets sign `X-PAYLOAD-SIGNATURE`.
    has_a_secret: bool,
    tolerance: Duration,
    now: Instant,
}

impl Delivery {
    fn read(arguments: &VerifyArguments) -> Result<Self, Failure> {
        let keys = keys(arguments)?;
        let fingerprints = keys.iter().map(Key::fingerprint).collect();
        let has_a_secret = keys.iter().any(|key| matches!(key, Key::Hmac(_)));
        let mut keys = keys.into_iter();
        let first = keys
            .next()
            .ok_or_else(|| Failure::configuration("there is no secret in the files of --secret-file"))?;
        let verifier = keys.fold(Verifier::new(first), Verifier::with_key);
        Ok(Self {
            headers: headers(&read(&arguments.headers)?),
            body: read(&arguments.body)?,
            verifier,
            fingerprints,
            has_a_secret,
            tolerance: Duration::from_secs(arguments.tolerance.into()),
            now: arguments.at.unwrap_or_else(|| SystemClock.now()),
        })
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether one of the keys could have made such signatures, or no other header can be checked.
    fn can_check(&self, header: &str) -> bool {
        self.has_a_secret || header == MESSAGE_SIGNATURE || self.header(MESSAGE_SIGNATURE).is_none()
    }

    fn check(&self, header: &'static str) -> Checked {
        match self.verify(header, &self.body, self.tolerance) {
            Ok(verified) => Checked {
                header,
                verified: true,
                secret_fingerprint: self.fingerprints.get(verified.key).cloned(),
                signed_at: Some(Instant::from(verified.signed_at).to_string()),
                problem: None,
            },
            Err(error) => Checked {
                header,
                verified: false,
                secret_fingerprint: None,
                signed_at: None,
                problem: Some(self.explain(header, error)),
            },
        }
    }

    fn verify(
        &self,
        header: &str,
        body: &[u8],
        tolerance: Duration,
    ) -> Result<Verified<'_>, VerificationError> {
        let verifier = self.verifier.clone().with_tolerance(tolerance);
        let named = |name: &str| self.header(name);
        match header {
            PAYLOAD_SIGNATURE => verifier.verify_payload(named, body, self.now.into()),
            _ => verifier.verify_message(named, body, self.now.into()),
        }
    }

    /// Why it does not verify, and what would.
    fn explain(&self, header: &'static str, error: VerificationError) -> String {
        if matches!(error, VerificationError::TooOld | VerificationError::TooNew) {
            return match self.verify(header, &self.body, ANY_AGE) {
                Ok(verified) => {
                    let at = Instant::from(verified.signed_at);
                    let (earlier, later) = (at.min(self.now), at.max(self.now));
                    let seconds = later.since(earlier).as_secs();
                    format!(
                        "{error}: at {at}, {seconds} s from the time of the check; but for that it verifies"
                    )
                }
                Err(_) => error.to_string(),
            };
        }
        let hint = self.near_misses().into_iter().find_map(|(body, hint)| {
            self.verify(header, &body, ANY_AGE)
                .is_ok()
                .then(|| format!("; it would {hint}"))
        });
        format!("{error}{}", hint.unwrap_or_default())
    }

    /// Bodies that this one may have been.
    fn near_misses(&self) -> Vec<(Vec<u8>, &'static str)> {
        let mut bodies = vec![
            (
                [self.body.as_slice(), b"\n"].concat(),
                "with a line feed at its end",
            ),
            (
                [self.body.as_slice(), b"\r\n"].concat(),
                "with CR and LF at its end",
            ),
        ];
        if let Some(shorter) = self.body.strip_suffix(b"\r\n") {
            bodies.push((shorter.to_vec(), "without the CR and LF at its end"));
        }
        if let Some(shorter) = self.body.strip_suffix(b"\n") {
            bodies.push((shorter.to_vec(), "without the line feed at its end"));
        }
        bodies
    }
}

fn keys(arguments: &VerifyArguments) -> Result<Vec<Key>, Failure> {
    let mut texts = arguments.secrets.clone();
    for file in &arguments.secret_files {
        let bytes = read(file)?;
        let text = String::from_utf8_lossy(&bytes);
        texts.extend(
            text.lines()
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty()),
        );
    }
    let mut keys = Vec::new();
    for (place, text) in (1..).zip(texts) {
        let wrong = |problem: KeyError| Failure::configuration(format!("secret {place} {problem}"));
        keys.push(Key::parse(&text).map_err(wrong)?);
    }
    Ok(keys)
}

/// The headers in `text`, whatever else is there, such as a request line.
fn headers(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line[..colon].trim_ascii();
        let is_name = !name.is_empty() && !name.iter().any(u8::is_ascii_whitespace);
        is_name.then(|| {
            let name = String::from_utf8_lossy(name).into_owned();
            (name, line[colon + 1..].trim_ascii().to_vec())
        })
    };
    text.split(|byte| *byte == b'\n').filter_map(header).collect()
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| Failure::configuration(format!("cannot read {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_among_what_else_a_log_has() {
        let text =
            b"POST /hook HTTP/1.1\r\nHost: a\r\n< webhook-id : x\r\nWebhook-Id:  evt_1 \r\n\r\n{\"a\": 1}\n";
        let found = headers(text);
        let names: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        assert_eq!(names[..2], [("Host", b"a".as_slice()), ("Webhook-Id", b"evt_1")]);
    }
}
