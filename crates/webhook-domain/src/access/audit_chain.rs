//! The chain of audit records, as whoever verifies it sees it: where it ends, and what was found.
//!
//! A store puts a MAC over each record and the MAC of the one before it, under a key that nobody has without the master key. It is one chain
//! for all platforms. It is verified whole, from its beginning, or in steps: each begins where the one before ended.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use crate::error::InvalidValue;

/// The newest record of the chain, to be kept elsewhere: `position:mac`. As long as it holds, nothing up to that
/// record was changed, and nothing cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The position of the record, from 1; 0 when there is none.
    pub position: i64,
    mac: Vec<u8>,
}

impl AuditHead {
    /// The bytes of a MAC.
    pub const MAC_BYTES: usize = 32;

    /// The record at this position, with its MAC.
    #[must_use]
    pub const fn new(position: i64, mac: Vec<u8>) -> Self {
        Self { position, mac }
    }

    /// Where a chain without records ends.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self::new(0, vec![0; Self::MAC_BYTES])
    }

    /// The MAC of the record.
    #[must_use]
    pub fn mac(&self) -> &[u8] {
        &self.mac
    }
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, HEXLOWER.encode(&self.mac))
    }
}

impl FromStr for AuditHead {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let read = || {
            let (position, mac) = text.split_once(':')?;
            let position = position.parse().ok().filter(|position| *position >= 0)?;
            let mac = HEXLOWER.decode(mac.as_bytes()).ok()?;
            (mac.len() == Self::MAC_BYTES).then_some(Self { position, mac })
        };
        read().ok_or(InvalidValue::new(
            "must be a position, a colon and 64 hexadecimal digits in lower case, as `audit verify` prints them",
        ))
    }
}

/// What the verification of the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Every record is as it was written, and none is missing.
    Intact {
        /// How many records there are.
        records: u64,
        /// The newest, to be kept elsewhere and given back.
        head: AuditHead,
    },
    /// The chain is not whole.
    Flawed(AuditFlaw),
}

/// What one step of a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditStep {
    /// What was read is whole, and there is more.
    GoesOn {
        /// The record that was verified last. The next step begins behind it.
        last: AuditHead,
        /// The position of the newest record.
        newest: i64,
    },
    /// What was read is whole, and it goes up to the newest record.
    Whole {
        /// That record.
        head: AuditHead,
    },
    /// The chain is not whole.
    Flawed(AuditFlaw),
}

/// Why a chain is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditFlaw {
    /// The record at this position is not what followed the one before it: one of the two was changed, or moved, or
    /// others stood between them.
    Broken {
        /// The position of the record.
        position: i64,
    },
    /// The row of the head was changed.
    HeadForged,
    /// Records are missing after this position.
    Truncated {
        /// The position of the last record there is; 0 when there is none.
        position: i64,
        /// The position of the record that was the newest.
        expected: i64,
    },
    /// A record stands behind the newest: it was added by somebody else than the service.
    Added {
        /// The position of the first such record.
        position: i64,
    },
    /// The record at this position is another than it was when it was verified before, or when it was the newest.
    Rewritten {
        /// Its position.
        position: i64,
    },
}

impl fmt::Display for AuditFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { position } => write!(
                f,
                "record {position} does not follow the one before it: one of the two was changed, or others are missing between them"
            ),
            Self::HeadForged => f.write_str("the head of the chain was changed"),
            Self::Truncated { position, expected } => {
                write!(
                    f,
                    "records are missing after {position}; the newest was {expected}"
                )
            }
            Self::Added { position } => write!(f, "record {position} was added by somebody else"),
            Self::Rewritten { position } => {
                write!(f, "record {position} is another than the head that was kept says")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_from_its_text() {
        for head in [AuditHead::of_nothing(), AuditHead::new(7, vec![0xab; 32])] {
            assert_eq!(head.to_string().parse(), Ok(head));
        }
        let digits = "0".repeat(64);
        for wrong in [
            String::new(),
            "7".to_owned(),
            format!("-1:{digits}"),
            format!("7:{digits}0"),
            format!("7:{}", &digits[1..]),
            format!("7:{}", "A".repeat(64)),
        ] {
            assert!(wrong.parse::<AuditHead>().is_err(), "{wrong}");
        }
    }
}
