//! Migrating a real PostgreSQL beside others that use it; and what the migrations say of the levels.

mod ground;
mod indexes;
mod levels;
mod locks;
