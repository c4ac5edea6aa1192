//! Names of headers as the webhook's owner has spelt them.
//!
//! hyper writes every name in lower case. To HTTP that is the same (RFC 9110 §5.1), but not to every receiver. So the head of a
//! request gets its spelling back on its way out. Only the case of letters changes: no byte is added or moved, and what hyper counts
//! stays true. hyper hands over a head in one piece; should it ever not, the head goes out as it is.

use std::sync::Arc;

use zeroize::Zeroizing;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Names that are not in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spelling(Arc<[String]>);

impl Spelling {
    /// That of these names.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let is_lower = |name: &&str| !name.bytes().any(|byte| byte.is_ascii_uppercase());
        Self(names.filter(|name| !is_lower(name)).map(str::to_owned).collect())
    }

    /// Gives the names in `head` their spelling back.
    fn restore(&self, head: &mut [u8]) {
        let mut lines = head.split_mut(|byte| *byte == b'\n');
        // The request line.
        lines.next();
        for line in lines {
            let end = line.iter().position(|byte| *byte == b':').unwrap_or(0);
            let name = &mut line[..end];
            let spelt = self
                .0
                .iter()
                .find(|spelt| spelt.as_bytes().eq_ignore_ascii_case(name));
            if let Some(spelt) = spelt {
                name.copy_from_slice(spelt.as_bytes());
            }
        }
    }
}

/// The head that is on its way out.
#[derive(Default)]
pub(crate) enum Outgoing {
    /// What comes next goes out as it is.
    #[default]
    AsItIs,
    /// A head comes next.
    Next(Spelling),
    /// A head with its spelling, and how much of it is written. It holds secrets.
    Head(Zeroizing<Vec<u8>>, usize),
}

impl Outgoing {
    /// That a head comes next, of this spelling.
    pub(crate) fn next(spelling: Spelling) -> Self {
        match spelling.0.is_empty() {
            true => Self::AsItIs,
            false => Self::Next(spelling),
        }
    }

    /// What is to be written in the place of as many bytes at the beginning of `bytes`, if it is not those.
    pub(crate) fn in_place_of(&mut self, bytes: &[u8]) -> Option<&[u8]> {
        if let Self::Next(spelling) = self {
            let end = bytes
                .windows(END_OF_HEAD.len())
                .position(|window| window == END_OF_HEAD);
            *self = match end {
                None => Self::AsItIs,
                Some(end) => {
                    let mut head = Zeroizing::new(bytes[..end + END_OF_HEAD.len()].to_vec());
                    spelling.restore(&mut head);
                    Self::Head(head, 0)
                }
            };
        }
        match self {
            Self::Head(head, written) => Some(&head[*written..]),
            _ => None,
        }
    }

    /// Says that so many bytes of it are written.
    pub(crate) fn written(&mut self, count: usize) {
        if let Self::Head(head, written) = self {
            *written += count;
            if *written >= head.len() {
                *self = Self::AsItIs;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &[u8] = b"POST /x-a HTTP/1.1\r\nhost: x-a:1\r\nx-a: x-a: 1\r\nx-ab: x-a\r\n\r\nx-a: body";
    const SPELT: &str = "POST /x-a HTTP/1.1\r\nhost: x-a:1\r\nX-A: x-a: 1\r\nx-ab: x-a\r\n\r\nx-a: body";

    fn written(outgoing: &mut Outgoing, at_once: usize) -> String {
        let (mut all, mut rest) = (Vec::new(), SENT);
        while !rest.is_empty() {
            let next = outgoing.in_place_of(rest).unwrap_or(rest);
            let next = next[..next.len().min(at_once)].to_vec();
            outgoing.written(next.len());
            rest = &rest[next.len()..];
            all.extend(next);
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn names_get_their_spelling_back_however_little_is_written_at_once() {
        for at_once in [1, 7, SENT.len()] {
            let spelling = Spelling::of(["X-A", "x-ab"].into_iter());
            assert_eq!(written(&mut Outgoing::next(spelling), at_once), SPELT);
        }
    }

    #[test]
    fn what_has_no_spelling_of_its_own_or_does_not_come_whole_is_left_alone() {
        let mut lower = Outgoing::next(Spelling::of(["x-a"].into_iter()));
        assert_eq!(written(&mut lower, 9).as_bytes(), SENT);
        let mut begun = Outgoing::next(Spelling::of(["X-A"].into_iter()));
        assert_eq!(begun.in_place_of(b"POST / HTTP/1.1\r\nx-a: 1\r\n"), None);
        assert_eq!(begun.in_place_of(SENT), None);
    }
}
