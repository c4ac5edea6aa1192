//! The service on hosts as they are.

mod descriptors;
mod key_sets;
mod logs;
mod process;
mod settings;
mod signals;
mod stopping;
mod waiting;
