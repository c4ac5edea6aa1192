//! Upgrades: a schema that a newer release has migrated, migrating beside servers that serve, and the release before beside this one.

mod migrating;
mod newer;
mod previous;
mod traffic;
