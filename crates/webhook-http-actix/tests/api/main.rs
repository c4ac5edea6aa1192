//! The API through its public door: in process for what a request means, over sockets for what a connection does.

mod authentication;
mod bodies;
mod connections;
mod failures;
mod fields;
mod house;
mod idempotency;
mod preconditions;
mod reading;
mod rolling;
mod routing;
