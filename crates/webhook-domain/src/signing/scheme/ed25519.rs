//! `Ed25519` (RFC 8032): a private key that never leaves the service, and a public one that everybody may know.
//!
//! The seed of a new key is the private key of RFC 8032 §5.1.5. A key is kept as Standard Webhooks writes private keys: `whsk_` and the
//! standard base64 of seed and public key, one after the other. So a ring is read without the multiplication on the curve that derives
//! the second from the first, and an attempt signs without it as well, which halves the work. Whoever signed with a public key that is not the
//! seed's would give the private key away; a store seals both as one value, so neither can be exchanged by itself.

use std::sync::{Arc, OnceLock};

use data_encoding::BASE64;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{Sha512, VerifyingKey};
use webhook_verify::{Key, KeyPair, PublicKey, Receipt};
use zeroize::Zeroizing;

use super::{FORM_OF_OTHER_KEYS, Message, Scheme, SchemeKey, Seed};
use crate::error::InvalidValue;
use crate::signing::secret::{Fingerprint, SecretText};
use crate::signing::signing_protocol::SigningProtocol;
use crate::signing::verification_key::VerificationKey;

/// What a private key begins with.
const PREFIX: &str = "whsk_";

/// Stands before a signature in `webhook-signature` (Standard Webhooks, "Asymmetric signatures").
const TAG: &str = "v1a";

pub(in crate::signing) static SCHEME: Scheme = Scheme {
    make: |seed| {
        Arc::new(Ed25519Key {
            seed: seed.clone(),
            public: VerificationKey::new(KeyPair::from_seed(&seed.0).public_key().clone()),
            halves: OnceLock::new(),
        })
    },
    restore: |text| {
        restore(&text)
            .ok_or(INVALID)
            .map(|key| Arc::new(key) as Arc<dyn SchemeKey>)
    },
};

const INVALID: InvalidValue =
    InvalidValue::new("must be `whsk_` followed by a seed and its public key in standard base64");

struct Ed25519Key {
    seed: Seed,
    public: VerificationKey,
    /// Both as signing needs them, made when something is signed.
    halves: OnceLock<(ExpandedSecretKey, VerifyingKey)>,
}

impl Ed25519Key {
    fn halves(&self) -> &(ExpandedSecretKey, VerifyingKey) {
        self.halves.get_or_init(|| {
            let secret = ExpandedSecretKey::from(&*self.seed.0);
            let public = VerifyingKey::from_bytes(self.public.public_key().as_bytes());
            let public = public.unwrap_or_else(|_| VerifyingKey::from(&secret));
            (secret, public)
        })
    }
}

fn restore(text: &SecretText) -> Option<Ed25519Key> {
    let encoded = text.expose().strip_prefix(PREFIX)?;
    let bytes = Zeroizing::new(BASE64.decode(encoded.as_bytes()).ok()?);
    let (seed, public) = bytes.split_at_checked(Seed::LENGTH)?;
    let mut kept = Seed(Zeroizing::new([0; Seed::LENGTH]));
    kept.0.copy_from_slice(seed);
    Some(Ed25519Key {
        seed: kept,
        public: VerificationKey::new(PublicKey::from_bytes(public).ok()?),
        halves: OnceLock::new(),
    })
}

impl SchemeKey for Ed25519Key {
    fn protocol(&self) -> SigningProtocol {
        SigningProtocol::Ed25519
    }

    fn sign_message(&self, message: &Message<'_>) -> String {
        let (secret, public) = self.halves();
        let signed = [
            message.id.as_bytes(),
            b".",
            message.seconds.as_bytes(),
            b".",
            message.body,
        ];
        let signature = raw_sign::<Sha512>(secret, &signed.concat(), public);
        format!("{TAG},{}", BASE64.encode(&signature.to_bytes()))
    }

    fn sign_payload(&self, _: &Message<'_>) -> Option<String> {
        None
    }

    fn has_made(&self, _: &Receipt, _: &str, _: &str) -> bool {
        false
    }

    fn receivers_key(&self) -> Key {
        Key::Ed25519(self.public.public_key().clone())
    }

    fn expose_shared(&self) -> Option<&str> {
        None
    }

    fn verification_key(&self) -> Option<&VerificationKey> {
        Some(&self.public)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.public.text())
    }

    fn kept(&self) -> SecretText {
        let mut bytes = Zeroizing::new([0; 2 * Seed::LENGTH]);
        let (seed, public) = bytes.split_at_mut(Seed::LENGTH);
        seed.copy_from_slice(self.seed.0.as_slice());
        public.copy_from_slice(self.public.public_key().as_bytes());
        let mut text = String::with_capacity(PREFIX.len() + BASE64.encode_len(bytes.len()));
        text.push_str(PREFIX);
        BASE64.encode_append(bytes.as_slice(), &mut text);
        SecretText::new(text)
    }

    fn kept_since(&self) -> u32 {
        FORM_OF_OTHER_KEYS
    }
}
