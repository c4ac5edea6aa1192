//! Signatures, verified by ring on behalf of `jsonwebtoken`: EdDSA (Ed25519), ES256 and RS256, nothing else, and nothing
//! is ever signed.

use std::sync::LazyLock;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Whether it is ring that verifies signatures in this process. `jsonwebtoken` takes one provider per process, the
/// first that is installed.
pub(crate) fn is_rings() -> bool {
    static INSTALLED: LazyLock<bool> = LazyLock::new(|| RING.install_default().is_ok());
    *INSTALLED
}

/// Whether `key` is a point on the curve P-256 (SEC 1 §3.2.2.1). The order of the curve is prime, so that any point on
/// it will do. ring says so when asked to agree on a secret with it, and when asked to verify does not tell this from a
/// wrong signature. Without randomness no point is found good.
#[expect(
    clippy::disallowed_methods,
    reason = "ring makes the other half of the agreement with no other randomness; the secret is thrown away"
)]
pub(crate) fn is_point_of_p256(key: &DecodingKey) -> bool {
    let DecodingKeyKind::SecretOrDer(point) = key.kind() else {
        return false;
    };
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
    let point = agreement::UnparsedPublicKey::new(&ECDH_P256, point);
    own.and_then(|own| agreement::agree_ephemeral(own, &point, |_| ()))
        .is_ok()
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed)
        | (Algorithm::ES256, AlgorithmFamily::Ec)
        | (Algorithm::RS256, AlgorithmFamily::Rsa) => Ok(Box::new(RingVerifier {
            algorithm: *algorithm,
            key: key.clone(),
        })),
        _ => Err(new_error(ErrorKind::InvalidAlgorithm)),
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match (self.algorithm, self.key.kind()) {
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            _ => Err(Unspecified),
        };
        verified.map_err(|Unspecified| Error::new())
    }
}
