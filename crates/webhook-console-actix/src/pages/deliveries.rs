//! Deliveries: which there are, what became of one, and sending again or giving up.

mod asked;
pub(crate) mod body;
mod commands;
pub(crate) mod give_up;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod resend;
mod said;
mod sent;
pub(crate) mod show;
mod waiting;
mod waterfall;
