//! The HMAC against the vectors of RFC 4231.

use data_encoding::HEXLOWER;

use super::*;

/// RFC 4231 §4: number of the case, key, text, HMAC-SHA-256 (of case 5 the first 128 bits).
fn vectors() -> Vec<(u32, Vec<u8>, Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (
            1,
            vec![0x0b; 20],
            text("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            2,
            text("Jefe"),
            text("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            3,
            vec![0xaa; 20],
            vec![0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            4,
            (0x01..=0x19).collect(),
            vec![0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            5,
            vec![0x0c; 20],
            text("Test With Truncation"),
            "a3b6167473100ee06e0c796c2955552b",
        ),
        (
            6,
            vec![0xaa; 131],
            text("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            7,
            vec![0xaa; 131],
            text(
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to \
                 be hashed before being used by the HMAC algorithm.",
            ),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ]
}

#[test]
fn the_vectors_of_rfc_4231_come_out_in_one_part_and_in_several() {
    for (case, key, text, expected) in vectors() {
        let (start, end) = text.split_at(text.len() / 3);
        for parts in [&[&text[..]][..], &[start, end], &[&[], start, &[], end]] {
            let mac = HEXLOWER.encode(&hmac_sha256(&key, parts));
            assert_eq!(&mac[..expected.len()], expected, "case {case}");
        }
    }
}
