//! The pages, a folder for each story.

pub(crate) mod actions;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod campaigns;
pub(crate) mod deliveries;
pub(crate) mod home;
pub(crate) mod leaks;
pub(crate) mod overview;
pub(crate) mod penalty_box;
pub(crate) mod secrets;
pub(crate) mod sign_in;
pub(crate) mod static_files;
pub(crate) mod webhooks;
