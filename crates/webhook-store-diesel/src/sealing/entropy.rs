//! The operating system's source of randomness.
//!
//! Nearly all that is drawn is for ids, ten bytes or so at a time, several for each request. A call of the system takes longer than the
//! rest of making one, so short draws come out of a stock that is drawn at once. What may be a key, a salt or a token, which has 16
//! bytes or more, comes from the system each time: it is in this process's memory only once it is used.

use std::cell::RefCell;

use ring::rand::{SecureRandom, SystemRandom};
use webhook_domain::entropy::{Entropy, EntropyError};

/// Draws of so many bytes, in which there is room for a secret, come from the system each time.
const SECRETS_FROM: usize = 16;
/// How many bytes a stock has: those of some fifty ids.
const STOCK: usize = 512;

thread_local! {
    static STOCKED: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK], left: 0 }) };
}

/// Randomness from the operating system, through ring.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// The source.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Entropy port's one real implementation"
    )]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    fn draw(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes).map_err(|_| EntropyError)
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if bytes.len() >= SECRETS_FROM {
            return self.draw(bytes);
        }
        STOCKED.with_borrow_mut(|stock| stock.take(bytes, |stocked| self.draw(stocked)))
    }
}

/// Random bytes that were drawn and not used.
struct Stock {
    bytes: [u8; STOCK],
    /// How many are left, at the beginning.
    left: usize,
}

impl Stock {
    /// Takes each byte once. When there are too few, all are drawn anew.
    fn take(
        &mut self,
        taken: &mut [u8],
        draw: impl FnOnce(&mut [u8]) -> Result<(), EntropyError>,
    ) -> Result<(), EntropyError> {
        if self.left < taken.len() {
            self.left = 0;
            draw(&mut self.bytes)?;
            self.left = STOCK;
        }
        let rest = self.left - taken.len();
        taken.copy_from_slice(&self.bytes[rest..self.left]);
        self.left = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source whose bytes are all different within one stock of two hundred.
    fn counting(drawn: &mut u8) -> impl FnMut(&mut [u8]) -> Result<(), EntropyError> {
        move |bytes| {
            *drawn += 1;
            for (place, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::try_from(place % 200).unwrap() ^ *drawn;
            }
            Ok(())
        }
    }

    #[test]
    fn each_byte_of_a_stock_is_given_once() {
        let mut stock = Stock {
            bytes: [0; STOCK],
            left: 0,
        };
        let (mut drawn, mut given) = (0, Vec::new());
        while given.len() + 10 <= STOCK {
            let mut id = [0; 10];
            stock.take(&mut id, counting(&mut drawn)).unwrap();
            given.splice(0..0, id);
        }
        assert_eq!(drawn, 1);
        let rest = STOCK - given.len();
        assert_eq!(given, stock.bytes[rest..]);

        let mut next = [0; 10];
        stock.take(&mut next, counting(&mut drawn)).unwrap();
        assert_eq!(drawn, 2, "too few are not made up with what was given");
        assert_eq!(next, stock.bytes[STOCK - 10..]);
    }

    #[test]
    fn nothing_is_given_where_nothing_was_drawn() {
        let mut stock = Stock {
            bytes: [7; STOCK],
            left: 3,
        };
        let mut id = [0; 10];
        stock.take(&mut id, |_| Err(EntropyError)).unwrap_err();
        assert_eq!(id, [0; 10]);
        stock.take(&mut id[..2], |_| Err(EntropyError)).unwrap_err();
    }

    #[test]
    fn what_may_be_a_secret_is_not_from_the_stock() {
        let entropy = SystemEntropy::new();
        let left = || STOCKED.with_borrow(|stock| stock.left);
        entropy.fill(&mut [0; 15]).unwrap();
        assert_eq!(left(), STOCK - 15);
        let (mut one, mut other) = ([0; 16], [0; 16]);
        entropy.fill(&mut one).unwrap();
        entropy.fill(&mut other).unwrap();
        assert_ne!(one, other);
        assert_eq!(left(), STOCK - 15);
    }
}
