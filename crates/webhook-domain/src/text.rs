//! The three published patterns, exactly as the contract reads them (§2): anchored at both ends, over ASCII.
//!
//! | pattern | published | admits |
//! |---|---|---|
//! | [`U`] | `^[a-zA-Z0-9!#$%&-_.*]*$` | `!`, `#`, `$`, `%`, the range `&`–`_` (0x26–0x5F), `a`–`z` |
//! | [`H`] | `^[a-zA-Z0-9_\-]*` | letters, digits, `_`, `-` |
//! | [`K`] | `^[a-zA-Z0-9]*` | letters and digits |
//!
//! In `U`, `&-_` is a range, which holds the digits and the capital letters too. `H` and `K` were published
//! without their `$`, and would match any text by its empty prefix.

use crate::error::InvalidValue;

/// The most characters that a text under one of the patterns may have.
pub const MAX_LENGTH: usize = 256;

/// One of the published patterns.
#[derive(Debug)]
pub struct Pattern {
    admits: fn(u8) -> bool,
    regex: &'static str,
    expected: &'static str,
}

/// Usernames and passwords.
pub const U: Pattern = Pattern {
    admits: |b| matches!(b, b'!' | b'#' | b'$' | b'%' | 0x26..=0x5F | b'a'..=b'z'),
    regex: "^[a-zA-Z0-9!#$%&-_.*]*$",
    expected: "must be 0 to 256 characters matching ^[a-zA-Z0-9!#$%&-_.*]*$, in which `&-_` is a range of ASCII",
};

/// Names of header fields.
pub const H: Pattern = Pattern {
    admits: |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'),
    regex: "^[a-zA-Z0-9_\\-]*$",
    expected: "must be 0 to 256 characters matching ^[a-zA-Z0-9_\\-]*$",
};

/// Values of API keys.
pub const K: Pattern = Pattern {
    admits: |b| b.is_ascii_alphanumeric(),
    regex: "^[a-zA-Z0-9]*$",
    expected: "must be 0 to 256 characters matching ^[a-zA-Z0-9]*$",
};

impl Pattern {
    /// The pattern as a regular expression (ECMA-262), anchored at both ends: for documents. What decides is
    /// [`check`](Self::check).
    #[must_use]
    pub const fn regex(&self) -> &'static str {
        self.regex
    }

    /// Accepts `text` if all of it matches and it has at most [`MAX_LENGTH`] characters.
    ///
    /// # Errors
    /// Says what would be right, and not what was given: it may be a password.
    pub fn check(&self, text: &str) -> Result<(), InvalidValue> {
        if text.len() <= MAX_LENGTH && text.bytes().all(self.admits) {
            Ok(())
        } else {
            Err(InvalidValue::new(self.expected))
        }
    }
}

/// What a text must be to be a value of a type.
#[derive(Debug, Clone, Copy)]
pub enum TextRule {
    /// See [`check_free_text`].
    Free,
    /// All of it matches this pattern.
    Pattern(&'static Pattern),
}

/// A value that is made of a text, and says by which rule: whoever describes the value needs to know nothing else of it.
pub trait TextValue: Sized {
    /// What the text must be. The type may refuse more.
    const RULE: TextRule;

    /// The value that `text` is.
    ///
    /// # Errors
    /// Says what would be right, and not what was given: it may be a password.
    fn from_text(text: String) -> Result<Self, InvalidValue>;
}

/// A [`TextValue`] that everybody may read.
pub trait PublicText: TextValue {
    /// The text as it was given.
    fn text(&self) -> &str;
}

/// Accepts free text of 0 to 256 characters without control characters: names and references.
///
/// # Errors
/// Says what would be right.
pub fn check_free_text(text: &str) -> Result<(), InvalidValue> {
    if text.chars().count() <= MAX_LENGTH && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(InvalidValue::new(
            "must be 0 to 256 characters, none of them a control character",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pattern written out as the characters it admits, independently of the code above.
    const ADMITTED: [(&Pattern, &str); 3] = [
        (
            &U,
            "!#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_abcdefghijklmnopqrstuvwxyz",
        ),
        (
            &H,
            "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz",
        ),
        (
            &K,
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        ),
    ];

    #[test]
    fn a_pattern_admits_its_characters_and_no_others_in_every_place() {
        for (pattern, admitted) in ADMITTED {
            for c in (0..=0x17F_u32).filter_map(char::from_u32) {
                for text in [
                    format!("{c}aa"),
                    format!("a{c}a"),
                    format!("aa{c}"),
                    c.to_string(),
                ] {
                    assert_eq!(
                        pattern.check(&text).is_ok(),
                        admitted.contains(c),
                        "{pattern:?} {text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_pattern_admits_0_to_256_characters() {
        for (pattern, _) in ADMITTED {
            assert!(pattern.check("").is_ok());
            assert!(pattern.check(&"a".repeat(256)).is_ok());
            assert!(pattern.check(&"a".repeat(257)).is_err());
        }
    }

    #[test]
    fn free_text_counts_characters_and_not_bytes() {
        assert!(check_free_text(&"ä".repeat(256)).is_ok());
        assert!(check_free_text(&"ä".repeat(257)).is_err());
        for wrong in ["a\0", "a\n", "\u{7f}", "\u{85}"] {
            assert!(check_free_text(wrong).is_err(), "{wrong:?}");
        }
    }
}
