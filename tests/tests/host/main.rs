//! The service on hosts as they are.

mod clocks;
mod descriptors;
mod encodings;
mod key_sets;
mod logs;
mod process;
mod readiness;
mod rights;
mod settings;
mod signals;
mod stopping;
mod texts;
mod waiting;
