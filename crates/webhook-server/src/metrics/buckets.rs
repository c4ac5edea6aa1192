//! The upper bounds of the buckets of all histograms, in seconds unless said otherwise. `docs/operating/metrics.md` has them too.

/// Of a request's answer: from a read in memory to the longest wait for the store.
pub(super) const REQUEST: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0,
];
/// Of an attempt: up to the longest that it may be allowed to take.
pub(super) const ATTEMPT: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];
/// Of how late an attempt begins: from at once to hours in which nobody delivered.
pub(super) const LAG: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 3_600.0,
];
/// Of a commit: from a fast disk to one that hangs.
pub(super) const COMMIT: [f64; 12] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.1, 0.5, 2.0, 10.0,
];
/// Of the members of a group.
pub(super) const GROUP: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
