//! A webhook's public keys as a JSON Web Key Set (RFC 7517, RFC 8037).

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::signing::verification_key::VerificationKey;

use super::answer::answer;
use super::schemas::{Base64UrlOf32Bytes, Described, plain};
use crate::openapi::values::one_of;

answer! {
    /// The public keys with which a webhook's deliveries can be verified.
    #[document("KeySet")]
    pub(crate) struct KeySetJson {
        /// Every key that signs now, the newest first. At least one.
        keys: Vec<PublicKeyJson>,
    }
}

answer! {
    /// A public key (RFC 8037).
    #[document("PublicKey")]
    pub(crate) struct PublicKeyJson {
        /// The type of the key.
        kty: KeyType = "OKP",
        /// The curve.
        crv: Curve = "Ed25519",
        /// The public key.
        x: Base64UrlOf32Bytes = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        /// What the key is for: signatures.
        r#use: Use = "sig",
        /// The algorithm of its signatures.
        alg: Algorithm = "EdDSA",
        /// Its id, as in `webhook-key-id`: the thumbprint of the key (RFC 7638).
        kid: Base64UrlOf32Bytes = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    }
}

impl KeySetJson {
    /// The set of these keys.
    pub(crate) fn new(keys: &[VerificationKey]) -> Self {
        let key = |key: &VerificationKey| PublicKeyJson {
            kty: KeyType(VerificationKey::KEY_TYPE),
            crv: Curve(VerificationKey::CURVE),
            x: Base64UrlOf32Bytes(key.x()),
            r#use: Use("sig"),
            alg: Algorithm(VerificationKey::ALGORITHM),
            kid: Base64UrlOf32Bytes(key.key_id()),
        };
        Self {
            keys: keys.iter().map(key).collect(),
        }
    }
}

/// Texts of which there is one.
macro_rules! constants {
    ($($name:ident: $value:expr, $says:literal;)*) => {
        $(#[doc = $says]
        #[derive(serde::Serialize)]
        pub(crate) struct $name(&'static str);

        impl Described for $name {
            fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
                plain(one_of([$value], says), nullable)
            }
        })*
    };
}

constants! {
    KeyType: VerificationKey::KEY_TYPE, "The type of a public key.";
    Curve: VerificationKey::CURVE, "Its curve.";
    Use: "sig", "What it is for.";
    Algorithm: VerificationKey::ALGORITHM, "The algorithm of its signatures.";
}
