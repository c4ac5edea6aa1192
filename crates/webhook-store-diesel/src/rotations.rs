//! Rotations: the rolls of many webhooks, and what became of each.
//!
//! | file | what |
//! |---|---|
//! | `begin` | which webhooks a rotation is about, and how all of them are there before it begins |
//! | `steps` | what becomes of webhooks, in the transaction of their rolls |
//! | `adopted` | what is shown of the keys of rotations |
//! | `claim` | which process works at a rotation |
//! | `finish` | how a rotation ends |
//! | `forget` | how those that have ended long ago are forgotten, and what a crash has left |

mod adopted;
mod begin;
mod claim;
mod finish;
mod forget;
mod port;
pub(crate) mod row;
pub(crate) mod steps;

pub(crate) use adopted::Adoptions;
