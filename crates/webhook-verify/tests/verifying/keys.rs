//! What is a key, and what is not.

use data_encoding::BASE64;
use webhook_verify::{Key, KeyError, KeyPair, PublicKey, Secret, Verifier};

use crate::scene::*;

fn text(bytes: usize) -> String {
    format!("whsec_{}", BASE64.encode(&vec![7; bytes]))
}

#[test]
fn a_secret_has_24_to_64_bytes_and_no_debug_text() {
    for right in [24, 32, 64] {
        let key = Key::parse(&text(right)).unwrap();
        assert_eq!(format!("{key:?}"), "Hmac(Secret(…))");
        assert_eq!(format!("{:?}", Verifier::new(key)).matches("(…)").count(), 1);
    }
    for wrong in [0, 23, 65, 1000] {
        assert_eq!(
            Key::parse(&text(wrong)).err(),
            Some(KeyError::WrongLength),
            "{wrong}"
        );
        assert_eq!(
            Secret::from_bytes(&vec![7; wrong]).err(),
            Some(KeyError::WrongLength)
        );
    }
}

#[test]
fn the_prefix_of_a_key_decides_what_it_is() {
    let right = text(32);
    for wrong in [
        // A secret without its prefix would verify one family of headers and not the other.
        &right[6..],
        // As some services show it.
        &format!("v1,{right}"),
        &right.replace("whsec_", "WHSEC_"),
        "",
        "whsec",
    ] {
        assert_eq!(Key::parse(wrong).err(), Some(KeyError::UnknownPrefix), "{wrong}");
    }
}

/// A public text must never become the key of an HMAC, nor a secret a public key.
#[test]
fn a_public_key_is_no_secret_and_a_private_key_is_nothing_for_a_receiver() {
    let pair = KeyPair::from_seed(&[7; 32]);
    let public = pair.public_key().as_str();
    assert!(matches!(Key::parse(&format!(" {public}\n")), Ok(Key::Ed25519(_))));
    assert_eq!(Secret::parse(public).err(), Some(KeyError::UnknownPrefix));
    assert_eq!(PublicKey::parse(&text(32)).err(), Some(KeyError::UnknownPrefix));
    let private = public.replace("whpk_", "whsk_");
    assert_eq!(Key::parse(&private).err(), Some(KeyError::PrivateKey));
    assert_eq!(
        Key::parse(public).unwrap().fingerprint(),
        pair.public_key().fingerprint()
    );

    let encode = |bytes: &[u8]| format!("whpk_{}", BASE64.encode(bytes));
    for length in [0, 31, 33, 64] {
        let wrong = encode(&vec![7; length]);
        assert_eq!(
            Key::parse(&wrong).err(),
            Some(KeyError::NotAPublicKey),
            "{length}"
        );
    }
    for wrong in [
        public.replace('=', ""),
        public.replace("whpk_", "whpk_ "),
        format!("{public}="),
    ] {
        assert_eq!(Key::parse(&wrong).err(), Some(KeyError::NotBase64), "{wrong}");
    }
}

#[test]
fn a_secret_is_standard_base64_with_its_padding() {
    let right = format!("whsec_{}", BASE64.encode(&[0xff; 32]));
    assert!(Key::parse(&right).is_ok());
    for wrong in [
        right.replace('=', ""),
        right.replace('/', "_"),
        right.replace("//", "/ /"),
        right.replace("whsec_", "whsec_ "),
        // Other bits after the last byte: two texts would stand for the same bytes.
        right.replace("8=", "9="),
        right.clone() + "=",
    ] {
        assert_eq!(Key::parse(&wrong).err(), Some(KeyError::NotBase64), "{wrong}");
    }
}

#[test]
fn white_space_around_a_secret_does_not_count() {
    let right = text(32);
    let headers = signed_by(&[7], BODY);
    for around in [
        format!("{right}\n"),
        format!("{right}\r\n"),
        format!("  {right}\t"),
    ] {
        let verifier = Verifier::from_keys([around]).unwrap();
        for outcome in by_each(&verifier, &headers, BODY, signed_at()) {
            assert!(outcome.is_ok());
        }
    }
}

#[test]
fn a_verifier_without_a_key_or_with_a_bad_one_is_not_made() {
    assert_eq!(Verifier::from_keys::<&str>([]).err(), Some(KeyError::NoKey));
    assert_eq!(Verifier::from_keys([""]).err(), Some(KeyError::UnknownPrefix));
    let several = [text(32), text(23)];
    assert_eq!(Verifier::from_keys(&several).err(), Some(KeyError::WrongLength));
    assert!(Verifier::from_keys(&several[..1]).is_ok());
}

#[test]
fn no_message_repeats_a_key() {
    for wrong in [text(23), format!("v1,{}", text(32)), text(32).replace('=', "")] {
        let message = Key::parse(&wrong).unwrap_err().to_string();
        assert!(!message.contains("BwcH"), "{message}");
    }
}

#[test]
fn a_fingerprint_is_the_start_of_the_digest_of_the_text() {
    // printf 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' | sha256sum
    let key = Key::Hmac(secret(0));
    assert_eq!(key.fingerprint(), "sha256:b4ea245fbd5d21ac");
}

#[test]
fn the_text_and_the_bytes_of_a_secret_are_one() {
    let made = secret(7);
    let read = Secret::parse(&text(32)).unwrap();
    assert_eq!(
        (made.expose(), made.expose_bytes()),
        (read.expose(), read.expose_bytes())
    );
    assert_eq!(made, read);
    assert_ne!(made, secret(8));
}
