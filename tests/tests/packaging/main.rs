//! What operators are given to run the service with: the unit for systemd and what the server tells it, the example of
//! a configuration, the files for containers.

mod files;
mod proxy;
mod service_manager;
