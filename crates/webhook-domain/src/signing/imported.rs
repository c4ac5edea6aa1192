//! Secrets that a client brings from elsewhere, so that receivers that hold them need nothing when their platform moves here.
//!
//! A secret of ours is 32 random bytes. One from elsewhere may have been typed by somebody: what is plainly not random is refused, because
//! everybody who guesses it can sign.

use webhook_verify::Secret;

use crate::error::{InvalidValue, Refusal};
use crate::signing::secret::SecretText;
use crate::signing::signing_protocol::SigningProtocol;

/// How many different bytes a secret has at least. Of 24 random bytes, fewer than 12 are different once in 10^17 times.
const LEAST_DIFFERENT_BYTES: usize = 12;

/// Secrets that documentation has published, as everybody who read it knows.
const PUBLISHED: [&str; 2] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
];

/// A secret from elsewhere: `whsec_` and the standard base64 of 24 to 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedSecret(pub(super) Secret);

impl ImportedSecret {
    /// The field of a create object that has the current one.
    pub const CURRENT: &'static str = "imported_secret_key";
    /// The field that has the one before.
    pub const PREVIOUS: &'static str = "imported_previous_secret_key";

    /// Reads a secret.
    ///
    /// # Errors
    /// When it is no secret, or one that somebody can guess. The error does not repeat it.
    pub fn parse(text: &SecretText) -> Result<Self, InvalidValue> {
        let secret = Secret::parse(text.expose()).ok().filter(|secret| {
            // White space around it would be part of what `X-PAYLOAD-SIGNATURE` is keyed with elsewhere.
            secret.expose() == text.expose()
        });
        let secret = secret.ok_or(InvalidValue::new(
            "must be `whsec_` followed by 24 to 64 bytes in standard base64, and nothing around it",
        ))?;
        match is_weak(&secret) {
            true => Err(InvalidValue::new(
                "is not random, or was published as an example, so others can sign with it; roll it at the former provider first, or leave it \
                 out and give the receiver a new one",
            )),
            false => Ok(Self(secret)),
        }
    }

    /// What tells the secret from others without revealing it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }
}

/// Whether nobody can have drawn these bytes at random.
fn is_weak(secret: &Secret) -> bool {
    let bytes = secret.expose_bytes();
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    let steps = |step: u8| bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    let first_step = bytes[1].wrapping_sub(bytes[0]);
    let half = bytes.len() / 2;
    different.len() < LEAST_DIFFERENT_BYTES
        || steps(first_step)
        || bytes[..half] == bytes[bytes.len() - half..]
        || PUBLISHED.contains(&secret.expose())
}

/// The secrets that a new webhook begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedSecrets {
    pub(super) current: ImportedSecret,
    pub(super) previous: Option<ImportedSecret>,
}

impl ImportedSecrets {
    /// What these make together, for a webhook of that protocol; none if there is none.
    ///
    /// # Errors
    /// [`Refusal::MissingField`] for a previous secret alone, [`Refusal::InvalidField`] when both are one, or when the protocol has no secrets.
    pub fn new(
        current: Option<ImportedSecret>,
        previous: Option<ImportedSecret>,
        protocol: SigningProtocol,
    ) -> Result<Option<Self>, Refusal> {
        let Some(current) = current else {
            return match previous {
                None => Ok(None),
                Some(_) => Err(Refusal::MissingField {
                    field: ImportedSecret::CURRENT,
                    expected: "is required beside imported_previous_secret_key",
                }),
            };
        };
        if protocol != SigningProtocol::HmacSha256 {
            let problem =
                InvalidValue::new("is a secret, which only HmacSHA256 has; leave one of the two out");
            return Err(Refusal::invalid(ImportedSecret::CURRENT, problem));
        }
        if previous.as_ref() == Some(&current) {
            let problem = InvalidValue::new("must be another secret than imported_secret_key");
            return Err(Refusal::invalid(ImportedSecret::PREVIOUS, problem));
        }
        Ok(Some(Self { current, previous }))
    }

    /// The current one.
    #[must_use]
    pub const fn current(&self) -> &ImportedSecret {
        &self.current
    }

    /// Both, or the one.
    pub fn iter(&self) -> impl Iterator<Item = &ImportedSecret> {
        [&self.current].into_iter().chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    fn parsed(bytes: &[u8]) -> Result<ImportedSecret, InvalidValue> {
        ImportedSecret::parse(&SecretText::new(format!("whsec_{}", BASE64.encode(bytes))))
    }

    /// Bytes that look random: the digest of a number.
    fn random(length: usize) -> Vec<u8> {
        let digest = |n: u8| {
            ring::digest::digest(&ring::digest::SHA256, &[n])
                .as_ref()
                .to_vec()
        };
        [digest(1), digest(2)].concat()[..length].to_vec()
    }

    #[test]
    fn a_secret_from_elsewhere_has_24_to_64_bytes() {
        for right in [24, 32, 33, 64] {
            assert!(parsed(&random(right)).is_ok(), "{right}");
        }
        for wrong in [0, 16, 23] {
            assert!(parsed(&random(wrong)).is_err(), "{wrong}");
        }
        let text = format!("whsec_{}", BASE64.encode(&random(32)));
        for wrong in [
            format!(" {text}"),
            format!("{text}\n"),
            format!("v1,{text}"),
            text.replace("whsec_", "whpk_"),
            text.replace("whsec_", "whsk_"),
            text.replace('=', ""),
        ] {
            assert!(
                ImportedSecret::parse(&SecretText::new(wrong.clone())).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_plainly_not_random_is_refused() {
        let sequence: Vec<u8> = (0..32).collect();
        let half = [&random(16)[..], &random(16)].concat();
        for weak in [
            &[7; 32][..],
            &[0; 24],
            &sequence,
            &half,
            b"abcabcabcabcabcabcabcabcabcabc",
        ] {
            let refused = parsed(weak).unwrap_err();
            assert!(refused.0.contains("not random"), "{refused}");
        }
        for published in PUBLISHED {
            assert!(ImportedSecret::parse(&SecretText::new(published.into())).is_err());
        }
    }

    #[test]
    fn a_previous_secret_stands_beside_a_current_one_that_is_another() {
        let [one, two] = [&random(32), &random(24)].map(|bytes| parsed(bytes).unwrap());
        let hmac = SigningProtocol::HmacSha256;
        let made = |current: Option<&ImportedSecret>, previous: Option<&ImportedSecret>, protocol| {
            ImportedSecrets::new(current.cloned(), previous.cloned(), protocol)
        };
        assert_eq!(made(None, None, hmac), Ok(None));
        assert_eq!(
            made(Some(&one), Some(&two), hmac)
                .unwrap()
                .unwrap()
                .iter()
                .count(),
            2
        );
        assert_eq!(made(Some(&one), None, hmac).unwrap().unwrap().current(), &one);
        assert!(matches!(
            made(None, Some(&two), hmac),
            Err(Refusal::MissingField { .. })
        ));
        assert!(matches!(
            made(Some(&one), Some(&one), hmac),
            Err(Refusal::InvalidField { .. })
        ));
        assert!(made(Some(&one), None, SigningProtocol::Ed25519).is_err());
    }
}
