//! Rotations: when whose turn it is, and that nothing comes apart wherever a process is cut off.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests: what they cannot do is a failure"
)]

mod clocks;
mod cut_off;
mod pace;
mod runs;
mod scene;
