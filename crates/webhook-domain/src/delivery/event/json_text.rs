//! JSON as its author wrote it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::InvalidValue;

/// A JSON value, kept byte for byte: the order of its fields, the digits of its numbers, its escapes and the
/// spaces within it. Receivers compute with what the publisher wrote, and `1.10` or a number of 30 digits would not
/// survive being read and written anew.
///
/// It has no `Debug` text: it is what a platform says of its customers, and not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// How many lists and objects may stand in one another. Parsers in wide use take no more than some hundreds, and a receiver
    /// whose parser fails cannot even verify.
    pub const MAX_DEPTH: usize = 64;

    /// Whether no more lists and objects stand in one another than may.
    ///
    /// # Errors
    /// Says how many may.
    pub fn check_depth(&self) -> Result<(), InvalidValue> {
        if depth(&self.0) > Self::MAX_DEPTH {
            return Err(InvalidValue::new("must be at most 64 levels deep"));
        }
        Ok(())
    }

    /// Takes one JSON value in UTF-8 (RFC 8259). Spaces around it are left out.
    ///
    /// # Errors
    /// When it is not that.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidValue> {
        serde_json::from_slice::<&RawValue>(bytes)
            .map(Self::from)
            .map_err(|_| InvalidValue::new("must be one JSON value in UTF-8"))
    }

    /// What `value` serialises to; `null` if it cannot be.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        match serde_json::value::to_raw_value(value) {
            Ok(raw) => Self::from(&*raw),
            Err(_) => Self("null".into()),
        }
    }

    /// The value as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }
}

/// How many lists and objects stand in one another in a JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl From<&RawValue> for JsonText {
    /// Takes what serde has found to be a value, for those who read it as part of something larger.
    fn from(value: &RawValue) -> Self {
        Self(value.get().into())
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_byte_for_byte() {
        for text in [
            "null",
            "-0.0",
            "1.10",
            "1e400",
            "123456789012345678901234567890.5",
            r#"{"b":1,"a":2,"b":3}"#,
            "{ \"a\" :\t[ 1 ,\r\n2 ] }",
            r#""\u00e9 \ud800 \/ é""#,
        ] {
            let padded = format!(" \r\n{text}\t");
            assert_eq!(JsonText::parse(padded.as_bytes()).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for wrong in [
            &b""[..],
            b" ",
            b"{",
            b"{}{}",
            b"01",
            b"nul",
            b"\"\xff\"",
            b"\xef\xbb\xbf1",
            b"NaN",
            b"'a'",
        ] {
            assert!(JsonText::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn deep_nesting_is_taken_without_a_deep_stack() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert!(JsonText::parse(deep.as_bytes()).is_ok());
    }

    #[test]
    fn the_depth_of_lists_and_objects_is_bounded() {
        let check = |text: &str| JsonText::parse(text.as_bytes()).unwrap().check_depth();
        let nested = |open: &str, close: &str, depth| open.repeat(depth) + "1" + &close.repeat(depth);
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[ ", " ]")] {
            assert!(check(&nested(open, close, 64)).is_ok());
            assert!(check(&nested(open, close, 65)).is_err());
            assert!(check(&nested(open, close, 1_000)).is_err());
        }
        // Neither many beside one another nor brackets in strings are deep.
        assert!(
            check(&format!(
                "[{}1]",
                "[],{},".repeat(100).replace("{},", "{\"a\":{}},")
            ))
            .is_ok()
        );
        for text in [
            format!("\"{}\"", "[".repeat(100)),
            format!("[\"\\\"{}\"]", "{".repeat(100)),
            format!("[\"\\\\\",\"{}\"]", "{".repeat(100)),
        ] {
            assert!(check(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn null_alone_is_null() {
        assert!(JsonText::parse(b" null ").unwrap().is_null());
        assert!(!JsonText::parse(b"\"null\"").unwrap().is_null());
    }

    #[test]
    fn a_value_has_no_debug_text() {
        let text = JsonText::parse(br#"{"name":"Ada"}"#).unwrap();
        assert_eq!(format!("{text:?}"), "JsonText(14 bytes)");
    }
}
