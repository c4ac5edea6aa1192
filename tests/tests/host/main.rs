//! The service on hosts as they are.

mod descriptors;
