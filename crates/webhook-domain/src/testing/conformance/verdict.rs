//! How a broken rule is told.

#[track_caller]
#[expect(clippy::panic, reason = "a broken rule is told by a panic, as in any test")]
pub(super) fn fail(why: &str) -> ! {
    panic!("{why}")
}
