//! How a receiver repeats what it was sent.

use data_encoding::{BASE64, HEXUPPER};

/// How a receiver writes what it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As it came.
    Plain,
    /// As JSON, the slashes escaped.
    Json,
    /// In base64, all of it at once.
    Base64,
    /// In hex, all of it at once.
    Hex,
    /// Percent-encoded, but for letters and digits.
    Percent,
    /// With numbers for all characters but letters and digits, as HTML has them.
    Html,
}

impl Spelling {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Plain,
        Self::Json,
        Self::Base64,
        Self::Hex,
        Self::Percent,
        Self::Html,
    ];

    pub(super) fn write(self, text: &str) -> String {
        let each = |escape: fn(u8) -> String| {
            let escaped = text.bytes().map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => escape(byte),
            });
            escaped.collect()
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Json => serde_json::Value::from(text).to_string().replace('/', "\\/"),
            Self::Base64 => BASE64.encode(text.as_bytes()),
            Self::Hex => HEXUPPER.encode(text.as_bytes()),
            Self::Percent => each(|byte| format!("%{byte:02X}")),
            Self::Html => each(|byte| format!("&#{byte};")),
        }
    }
}
