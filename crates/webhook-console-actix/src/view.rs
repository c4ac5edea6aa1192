//! What pages look like: their frame, and the small things that many of them show.

mod figure;
mod frame;
pub(crate) mod held_up;
mod moment;
mod named;
mod navigation;
pub(crate) mod probe;
pub(crate) mod secrets;
mod state;
mod trouble;
pub(crate) mod webhook;
mod when;

pub(crate) use figure::{Figure, span};
pub(crate) use frame::{Frame, page, page_with};
pub(crate) use moment::Moment;
pub(crate) use named::Named;
pub(crate) use state::State;
pub(crate) use trouble::{answer, see_other};
pub(crate) use when::When;
