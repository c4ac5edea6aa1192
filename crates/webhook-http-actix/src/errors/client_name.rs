//! Names that a client made up, of a field or of a parameter, and whether an error may repeat them.
//!
//! A misspelt name is best told by repeating it. But what stands in a name's place may be a secret that slipped there, and
//! errors are logged by clients: so a name is repeated only if it is made of words, as names of fields are. Random
//! characters are not. A password that is made of words cannot be told from a name.

/// The most characters of a name, and of a path of names.
const MAX_NAME: usize = 64;
const MAX_PATH: usize = 256;
/// The most letters of a word, and the most digits behind it.
const MAX_WORD: usize = 24;
const MAX_DIGITS: usize = 5;

/// Whether an error may repeat `path`: names and places in lists with dots between them.
pub(super) fn may_be_repeated(path: &str) -> bool {
    path.len() <= MAX_PATH && path.split('.').all(is_name)
}

/// Words with `_`, `-` or a space between them, or in camel case.
fn is_name(name: &str) -> bool {
    name.chars().count() <= MAX_NAME && name.split(['_', '-', ' ']).all(is_word)
}

fn is_word(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() - letters.len() <= MAX_DIGITS
        && letters.chars().count() <= MAX_WORD
        && letters.chars().all(char::is_alphabetic)
        && is_cased_like_words(letters)
}

/// Capitals stand alone, or at the end: `Name`, `userName`, `userID`, `NAME`.
fn is_cased_like_words(letters: &str) -> bool {
    let head = letters.trim_end_matches(char::is_uppercase);
    let mut pairs = head.chars().zip(head.chars().skip(1));
    !pairs.any(|(one, next)| one.is_uppercase() && next.is_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_words_is_repeated() {
        for name in [
            "",
            "Active",
            "actve",
            "user_name",
            "userName",
            "userID",
            "USER_NAME",
            "x-api-key",
            "__proto__",
            "a b",
            "größe",
            "名前",
            "address2",
            "x509_cert",
            "previous_secret_expires_in",
            "penalty_box_data.a.30000.b",
        ] {
            assert!(may_be_repeated(name), "{name}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not() {
        let long = "x".repeat(25);
        let many = "word_".repeat(13);
        let deep = "word.".repeat(60);
        for name in [
            "whsec_qL8mZr0cXn4FvT2yHs6JdK1bWp9Ue3Ga5Ro7Mi0QtYs=",
            "whkey_01hv9k2m4rt6w8y0abcdefghjk2qk7",
            "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln",
            "9f86d081884c7d659a2feaa0c55ad015",
            "hunter2hunter2",
            "Tr0ub4dor",
            "aBCdeFG",
            "p@ssword",
            "123456",
            "a\nb",
            "a\"b",
            &long,
            &many,
            &deep,
        ] {
            assert!(!may_be_repeated(name), "{name}");
        }
    }
}
