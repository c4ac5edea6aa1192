//! The service on hosts as they are.

mod another_database;
mod clocks;
mod database_over_tls;
mod descriptors;
mod encodings;
mod key_sets;
mod languages;
mod logs;
mod moved_database;
mod poolers;
mod process;
mod readiness;
mod rights;
mod settings;
mod signals;
mod small_disk;
mod stopping;
mod takeover;
mod texts;
mod waiting;
