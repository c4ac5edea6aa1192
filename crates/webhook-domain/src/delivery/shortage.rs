//! What this service itself may want for.

/// Something of this service's own is wanting, so that an attempt was not made or not brought to its end. It says nothing of the
/// receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Shortage {
    /// The process or the machine has no file descriptor left.
    #[error("the service has no file descriptor left")]
    FileDescriptors,
    /// The machine has no memory left for connections.
    #[error("the machine has no memory left for connections")]
    Memory,
    /// The machine has no port of its own left for a connection to that address.
    #[error("the machine has no local port left for a connection to the receiver")]
    LocalPorts,
    /// The deployment's egress proxy cannot be reached, refuses the service, or does not speak its protocol.
    #[error("the egress proxy cannot be used")]
    EgressProxy,
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
}
