//! Where the metrics are read.

use std::net::SocketAddr;

use super::layers::{Layer, Layers, Wrong};
use super::{Setting, value};

/// Where the metrics are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricsSettings {
    /// The address of their own listener, if there is one.
    pub(crate) address: Option<SocketAddr>,
    /// Whether nobody has set that address.
    pub(crate) is_default: bool,
    /// Whether they are on the API's address too.
    pub(crate) on_api: bool,
}

impl Layers {
    pub(super) fn metrics(&self) -> Result<MetricsSettings, Wrong> {
        Ok(MetricsSettings {
            address: self.read(Setting::MetricsListen, value::metrics_listen)?,
            is_default: matches!(self.place(Setting::MetricsListen).layer, Layer::Default),
            on_api: self.read(Setting::MetricsOnApi, value::boolean)?,
        })
    }
}
