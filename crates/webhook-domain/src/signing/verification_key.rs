//! The public half of a signing key, as everybody may see it: text, key id, and member of a JSON Web Key Set.

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use webhook_verify::PublicKey;

/// The public half of an Ed25519 key. It is no secret: its text is not one that HMAC is keyed with, by its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey(PublicKey);

impl VerificationKey {
    /// The key type of an Ed25519 key (RFC 8037 §2).
    pub const KEY_TYPE: &'static str = "OKP";
    /// Its curve.
    pub const CURVE: &'static str = "Ed25519";
    /// The algorithm of its signatures (RFC 8037 §3.1).
    pub const ALGORITHM: &'static str = "EdDSA";

    pub(super) const fn new(key: PublicKey) -> Self {
        Self(key)
    }

    pub(super) const fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// `whpk_` and the standard base64 of the public key.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.as_str()
    }

    /// The member `x` of its JSON Web Key: base64url without padding (RFC 7515 §2).
    #[must_use]
    pub fn x(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.as_bytes())
    }

    /// Its key id, by which `webhook-key-id` and the key set name it: the thumbprint of RFC 7638, whose required members for this type of key
    /// are those of RFC 8037 §2, in the order of their names.
    #[must_use]
    pub fn key_id(&self) -> String {
        let members = format!(
            r#"{{"crv":"{}","kty":"{}","x":"{}"}}"#,
            Self::CURVE,
            Self::KEY_TYPE,
            self.x()
        );
        BASE64URL_NOPAD.encode(digest(&SHA256, members.as_bytes()).as_ref())
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};

    use super::*;

    fn key(hex: &str) -> VerificationKey {
        let bytes = HEXLOWER.decode(hex.as_bytes()).unwrap();
        let text = format!("whpk_{}", BASE64.encode(&bytes));
        VerificationKey::new(PublicKey::parse(&text).unwrap())
    }

    /// The key of RFC 8032 §7.1, test 1, which RFC 8037 writes as a JSON Web Key and takes the thumbprint of.
    #[test]
    fn the_vectors_of_rfc_8037_and_rfc_7638_come_out() {
        let key = key("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(key.x(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
