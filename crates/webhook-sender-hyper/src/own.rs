//! What is wanting of this machine's own, told from what is the receiver's.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;
use webhook_domain::delivery::attempt::FailureCause;
use webhook_domain::ports::Shortage;

/// Why an attempt came to no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    Failed(FailureCause),
    Short(Shortage),
}

impl From<FailureCause> for NoAnswer {
    fn from(cause: FailureCause) -> Self {
        Self::Failed(cause)
    }
}

/// What was wanting, if `error` or a reason beneath it says so.
pub(crate) fn shortage(error: &(dyn Error + 'static)) -> Option<Shortage> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(found) = of_io(error) {
                return Some(found);
            }
            // What it wraps is not among its sources: only the sources of that are.
            if let Some(inner) = error.get_ref()
                && let Some(found) = shortage(inner)
            {
                return Some(found);
            }
        }
        next = error.source();
    }
    None
}

fn of_io(error: &io::Error) -> Option<Shortage> {
    match Errno::from_io_error(error)? {
        Errno::MFILE | Errno::NFILE => Some(Shortage::FileDescriptors),
        // The last one is said of epoll alone: the user watches as many sockets as may be.
        Errno::NOMEM | Errno::NOBUFS | Errno::NOSPC => Some(Shortage::Memory),
        _ => None,
    }
}

/// What was wanting to connect to `address`. Linux says "address not available" when all local ports for it are taken, and also
/// where the machine has no address from which it could be reached, as of IPv6 often. Only the first is a want that passes.
pub(crate) fn shortage_at(address: SocketAddr, error: &io::Error) -> Option<Shortage> {
    match Errno::from_io_error(error) {
        Some(Errno::ADDRNOTAVAIL) => has_route_to(address).then_some(Shortage::LocalPorts),
        _ => shortage(error),
    }
}

/// Whether the machine has an address to reach that one from. Nothing is sent.
fn has_route_to(address: SocketAddr) -> bool {
    let from: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(from).is_ok_and(|socket| socket.connect(address).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_own_is_told_from_what_is_the_receivers() {
        let of = |errno: Errno| io::Error::from(errno);
        for (errno, expected) in [
            (Errno::MFILE, Some(Shortage::FileDescriptors)),
            (Errno::NFILE, Some(Shortage::FileDescriptors)),
            (Errno::NOMEM, Some(Shortage::Memory)),
            (Errno::NOBUFS, Some(Shortage::Memory)),
            (Errno::CONNREFUSED, None),
            (Errno::CONNRESET, None),
            (Errno::NETUNREACH, None),
            (Errno::HOSTUNREACH, None),
            (Errno::TIMEDOUT, None),
            (Errno::PIPE, None),
        ] {
            assert_eq!(shortage(&of(errno)), expected, "{errno}");
            let wrapped = io::Error::other(io::Error::other(of(errno)));
            assert_eq!(shortage(&wrapped), expected, "{errno} inside");
        }
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        let unavailable = shortage_at(loopback, &of(Errno::ADDRNOTAVAIL));
        assert_eq!(unavailable, Some(Shortage::LocalPorts));
    }
}
