//! What goes out to receivers: which addresses it may reach, through which proxy, whom it believes, and within which limits. The server
//! and the command line send over the same, so that a test of the operator's finds out what a delivery would.

use std::sync::Arc;

use webhook_domain::delivery::address::AllowedNetworks;
use webhook_domain::time::Clock;
use webhook_sender_hyper::{ClientIdentity, EgressProxy, HyperSender, MachineResolver, Roots, SenderLimits};

use crate::exit::Failure;
use crate::files::outbound_tls;
use crate::settings::Settings;

/// How receivers are reached.
pub(crate) struct Outbound {
    allowed_networks: AllowedNetworks,
    egress_proxy: Option<EgressProxy>,
    roots: Roots,
    identity: Option<ClientIdentity>,
    limits: SenderLimits,
}

impl Outbound {
    /// As the settings say, with so many idle connections kept in all. Reads the files of certificates.
    ///
    /// # Errors
    /// When one of the files cannot be used.
    pub(crate) fn of(settings: &Settings, max_idle: usize) -> Result<Self, Failure> {
        Ok(Self {
            allowed_networks: settings.target_policy.networks.clone(),
            egress_proxy: settings.egress_proxy.clone(),
            roots: outbound_tls::roots(settings.receivers_ca_file.as_deref())?,
            identity: outbound_tls::identity(settings.client_identity.as_ref())?,
            limits: SenderLimits {
                attempt_timeout: settings.attempt_timeout,
                max_idle,
                ..SenderLimits::default()
            },
        })
    }

    /// What carries deliveries, with connections of its own.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn sender(&self, clock: Arc<dyn Clock>) -> Result<HyperSender, Failure> {
        HyperSender::new(
            self.allowed_networks.clone(),
            Arc::new(MachineResolver::default()),
            self.roots.clone(),
            self.identity.clone(),
            self.limits,
            clock,
        )
        .map(|sender| sender.through(self.egress_proxy.clone()))
        .map_err(|error| Failure::cannot("start delivering", &error))
    }
}
