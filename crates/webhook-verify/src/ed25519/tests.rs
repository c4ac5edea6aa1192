//! Ed25519 against the vectors of RFC 8032, and what a verifier must not take.

use data_encoding::{BASE64, HEXLOWER};

use super::*;

/// RFC 8032 §7.1: seed, public key, message, signature of the tests 1, 2, 3 and "SHA(abc)".
const VECTORS: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

fn signature(hex: &str) -> Signature {
    bytes(hex)
}

#[test]
fn the_vectors_of_rfc_8032_come_out() {
    for [seed, public, message, expected] in VECTORS {
        let pair = KeyPair::from_seed(&bytes(seed));
        assert_eq!(pair.public_key().as_bytes(), &bytes(public));
        let message = HEXLOWER.decode(message.as_bytes()).unwrap();
        assert_eq!(HEXLOWER.encode(pair.pair.sign(&message).as_ref()), expected);
        let key = PublicKey::parse(pair.public_key().as_str()).unwrap();
        assert!(key.signed_one_of(&[signature(expected)], &message));
        assert!(!key.signed_one_of(&[signature(expected)], b"another message"));
    }
}

/// A signature with the group's order added to its second half holds by the equation alone (RFC 8032 §5.1.7 requires S < L).
#[test]
fn a_signature_that_somebody_else_has_varied_does_not_verify() {
    let order: [u8; 32] = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    for [_, public, message, original] in VECTORS {
        let key = PublicKey::made_of(bytes(public));
        let message = HEXLOWER.decode(message.as_bytes()).unwrap();
        let mut varied = signature(original);
        let mut carried = 0;
        for (byte, add) in varied[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carried;
            *byte = sum.to_le_bytes()[0];
            carried = sum >> 8;
        }
        assert!(!key.signed_one_of(&[varied], &message));
    }
}

/// Under the neutral element as a key, one signature would hold for every message.
#[test]
fn a_key_of_small_order_is_none() {
    let forged = [with_first(1, 0, 0), [0; 32]].concat();
    let neutral = PublicKey::made_of(with_first(1, 0, 0));
    let forged: Signature = forged.try_into().unwrap();
    assert!(
        neutral.signed_one_of(&[forged], b"any") && neutral.signed_one_of(&[forged], b"other"),
        "without the check, this is what a receiver would believe"
    );
    for small in SMALL_ORDER {
        for sign in [0, 0x80] {
            let mut encoded = small;
            encoded[31] |= sign;
            let text = format!("whpk_{}", BASE64.encode(&encoded));
            assert_eq!(
                PublicKey::parse(&text).err(),
                Some(KeyError::NotAPublicKey),
                "{text}"
            );
        }
    }
}
