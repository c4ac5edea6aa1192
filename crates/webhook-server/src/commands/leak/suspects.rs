//! Reading what may hold keys: a file with one secret, or all that a scanner has written.
//!
//! Of what is read nothing is kept but fingerprints, and errors repeat none of it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use webhook_domain::signing::found_key::{Finder, Found};
use webhook_domain::signing::secret::SecretBytes;

use crate::exit::Failure;

/// The longest file, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The most different keys.
const MAX_KEYS: usize = 10_000;

/// The keys in `file`, or in standard input if it is `-`.
pub(super) fn read(file: &Path) -> Result<Found, Failure> {
    let cannot = |error: io::Error| Failure::cannot(&format!("read {}", file.display()), &error);
    let from: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(file).map_err(cannot)?),
    };
    let mut bytes = Vec::new();
    let length = from.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    let bytes = SecretBytes::new(bytes);
    if length as u64 > MAX_BYTES {
        return Err(Failure::configuration(format!(
            "{} is longer than 64 MiB; search it for `whsec_`, `whpk_` and `whsk_`, and give the lines that have them",
            file.display()
        )));
    }
    let mut finder = Finder::default();
    let text = SecretBytes::new(text(bytes.expose()).into_bytes());
    for line in String::from_utf8_lossy(text.expose()).lines() {
        finder.read(line);
        if finder.count_of_keys() > MAX_KEYS {
            return Err(Failure::configuration(format!(
                "{} has more than {MAX_KEYS} different keys; give it in parts",
                file.display()
            )));
        }
    }
    let found = finder.finish();
    match (found.keys.is_empty(), found.broken) {
        (false, _) => Ok(found),
        (true, 0) => Err(Failure::configuration(format!(
            "{} has nothing like a signing key: `whsec_`, `whpk_` or `whsk_` and base64",
            file.display()
        ))),
        (true, _) => Err(Failure::configuration(format!(
            "{} has only keys that are redacted or cut off; have the scanner write them whole, or look the key up with --fingerprint",
            file.display()
        ))),
    }
}

/// The text of a file, which programs on Windows may have written as UTF-16.
fn text(bytes: &[u8]) -> String {
    let units = |read: fn([u8; 2]) -> u16| -> Vec<u16> {
        let pairs = bytes.chunks_exact(2).skip(1);
        pairs.map(|pair| read([pair[0], pair[1]])).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_windows_is_read() {
        let little: Vec<u8> = "\u{feff}whsec_"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}whsec_"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for bytes in [&little[..], &big, b"whsec_"] {
            assert_eq!(text(bytes), "whsec_");
        }
    }
}
