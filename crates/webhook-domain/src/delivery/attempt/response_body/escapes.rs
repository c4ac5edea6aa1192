//! Text as it reads once its escapes are undone, and where each character of it stands.

use std::ops::Range;

/// A character, and the bytes of the text that stand for it.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) character: char,
    pub(super) at: Range<usize>,
}

/// The characters of `text` as they are.
pub(super) fn literal(text: &str) -> Vec<Unit> {
    text.char_indices()
        .map(|(start, character)| Unit {
            character,
            at: start..start + character.len_utf8(),
        })
        .collect()
}

/// The same with the escapes of JSON, URLs and HTML undone once. What is none stays as it is.
pub(super) fn unescaped(units: &[Unit]) -> Vec<Unit> {
    let mut plain = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some(first) = rest.first() {
        let (character, length) = escape(rest).unwrap_or((first.character, 1));
        plain.push(Unit {
            character,
            at: first.at.start..rest[length - 1].at.end,
        });
        rest = &rest[length..];
    }
    plain
}

/// The character that the escape at the beginning of `units` stands for, and how long that is.
fn escape(units: &[Unit]) -> Option<(char, usize)> {
    let second = || units.get(1).map(|unit| unit.character);
    match units.first()?.character {
        '%' => Some((number(units.get(1..3)?, 16)?, 3)),
        '\\' => match second()? {
            'u' => Some((number(units.get(2..6)?, 16)?, 6)),
            'x' => Some((number(units.get(2..4)?, 16)?, 4)),
            character @ ('/' | '\\' | '"' | '\'') => Some((character, 2)),
            _ => None,
        },
        '&' => entity(units),
        _ => None,
    }
}

fn entity(units: &[Unit]) -> Option<(char, usize)> {
    let length = units.iter().take(10).position(|unit| unit.character == ';')? + 1;
    let name: String = units[1..length - 1].iter().map(|unit| unit.character).collect();
    let character = match name.as_str() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ if name.starts_with("#x") || name.starts_with("#X") => number(&units[3..length - 1], 16)?,
        _ if name.starts_with('#') => number(&units[2..length - 1], 10)?,
        _ => return None,
    };
    Some((character, length))
}

/// The character of that number, where every digit is one.
fn number(digits: &[Unit], radix: u32) -> Option<char> {
    let mut number: u32 = 0;
    for digit in digits {
        number = number
            .checked_mul(radix)?
            .checked_add(digit.character.to_digit(radix)?)?;
    }
    char::from_u32(number).filter(|_| !digits.is_empty())
}
