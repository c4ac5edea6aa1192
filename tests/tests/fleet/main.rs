//! The delivery core as its users see it when something is wrong around it: a notification is lost, a process stops for a
//! while, a clock is put right, a row cannot be read, a tenant is large.
//!
//! Each file tells one story. What they look at is what the service promises to the outside: answers over HTTP, what
//! reaches the receivers, and when. The database is looked at, and damaged, from outside.

mod change_under_way;
mod clock;
mod deleting;
mod ground;
mod listening;
mod many_webhooks;
mod outsider;
mod resending;
mod restart;
mod saturation;
mod sql;
mod stopped;
mod unreadable_row;
mod write_ahead_log;
