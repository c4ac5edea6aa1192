//! A receiver at every address, that remembers at which it was reached.
//!
//! It listens for both families at whatever address there is. In a [`Network`] of the test's own that is every address,
//! and the one that a connection was made to is the one that its socket has on this side. A path of
//! `/redirect/STATUS/HOST` is answered with a redirect to that host, everything else with 204. Each connection takes one
//! request, so that each delivery makes one of its own.

use std::{
    collections::BTreeSet,
    io::{BufReader, Write as _},
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
use webhook_tests::{
    receiver,
    spellings::{self, Kind, Spelling},
};

use crate::network::Network;

/// The addresses that were reached.
type Reached = BTreeSet<IpAddr>;

pub(crate) struct Trap {
    network: Network,
    port: u16,
    reached: Arc<Mutex<Reached>>,
}

impl Trap {
    /// Sets it: on the ports that URLs mean when they name none, if nobody else needs them.
    pub(crate) fn set(network: Network) -> Self {
        let ports: &[u16] = match network {
            Network::Own => &[80, 443],
            Network::Shared => &[0],
        };
        let reached = Arc::default();
        let bound: Vec<u16> = ports.iter().map(|port| lie_in_wait(*port, &reached)).collect();
        let trap = Self {
            network,
            port: bound[0],
            reached,
        };
        trap.prove();
        trap
    }

    /// The URL of a hook at `host`.
    pub(crate) fn url(&self, host: &str) -> String {
        match self.network {
            Network::Own => format!("http://{host}/hook"),
            Network::Shared => format!("http://{host}:{}/hook", self.port),
        }
    }

    /// Whether a connection to it would arrive here.
    pub(crate) fn catches(&self, spelling: &Spelling) -> bool {
        match self.network {
            Network::Own => spelling.can_be_connected_to(),
            // A name leads where this machine's resolver says.
            Network::Shared => spelling.leads_to.is_loopback() && spelling.kind != Kind::Name,
        }
    }

    /// What was reached since this was last asked.
    pub(crate) fn reached(&self) -> Vec<IpAddr> {
        let taken = std::mem::take(&mut *self.reached.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_iter().collect()
    }

    /// A trap that catches nothing would have every test pass: whatever can be connected to is, and is caught.
    fn prove(&self) {
        let mut targets: Vec<IpAddr> = spellings::forbidden()
            .iter()
            .filter(|spelling| self.catches(spelling))
            .map(|spelling| spelling.leads_to)
            .collect();
        if self.network == Network::Own {
            targets.extend(spellings::public().into_iter().map(|(_, address)| address));
        }
        targets.sort_unstable();
        targets.dedup();
        for target in &targets {
            let stream = TcpStream::connect_timeout(&(*target, self.port).into(), Duration::from_secs(5));
            let mut stream = stream.unwrap_or_else(|error| panic!("{target}: {error}"));
            // The receiver has hung up, so it has taken note.
            stream.write_all(b"\n").expect("a connection can be written to");
            let _ = std::io::Read::read(&mut stream, &mut [0]);
        }
        assert_eq!(self.reached(), targets);
    }
}

/// Takes connections to `port` from now on, and says which it is.
fn lie_in_wait(port: u16, reached: &Arc<Mutex<Reached>>) -> u16 {
    let socket = socket(AddressFamily::INET6, SocketType::STREAM, None).expect("IPv6 is there");
    sockopt::set_ipv6_v6only(&socket, false).expect("a socket can be of both families");
    bind(&socket, &SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).expect("nobody else listens");
    listen(&socket, 1024).expect("a bound socket can listen");
    let listener = TcpListener::from(socket);
    let port = listener.local_addr().expect("a listener has an address").port();
    let reached = Arc::clone(reached);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Noted before anything is answered.
            if let Ok(address) = stream.local_addr() {
                let mut reached = reached.lock().unwrap_or_else(PoisonError::into_inner);
                reached.insert(address.ip().to_canonical());
            }
            thread::spawn(move || converse(stream));
        }
    });
    port
}

fn converse(stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let Some(delivered) = receiver::read(&mut BufReader::new(stream)) else {
        return;
    };
    let redirect = delivered.target.strip_prefix("/redirect/");
    let head = match redirect.and_then(|rest| rest.split_once('/')) {
        Some((status, host)) => {
            format!("{status} Elsewhere\r\nlocation: http://{host}/hook\r\ncontent-length: 0")
        }
        None => "204 Taken".to_owned(),
    };
    let _ = writer.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes());
}
