//! A name server that lies: every look-up of a name may be answered in another way.
//!
//! It answers over UDP (RFC 1035) with what it is told, chains of aliases included, and says of what it does not know that
//! there is no such name.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// What names end in that are asked for in vain: nothing ever comes back.
pub(crate) const SILENT: &str = ".silent.test";

/// What a look-up of a name gives: its aliases, each of the one before it, and the addresses of the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    aliases: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Finding {
    /// These addresses, in this order.
    pub(crate) fn of(addresses: &[IpAddr]) -> Self {
        Self {
            aliases: Vec::new(),
            addresses: addresses.to_vec(),
        }
    }

    /// The same by way of these names.
    pub(crate) fn by_way_of(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self
    }
}

/// The names it knows, with what each look-up of them gives in turn; the last for ever.
type Zone = HashMap<String, Vec<Finding>>;

pub(crate) struct NameServer {
    asked: Arc<Mutex<HashMap<(String, u16), usize>>>,
}

impl NameServer {
    /// Answers on port 53 of loopback from now on.
    pub(crate) fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).expect("nobody else serves names");
        let asked = Arc::<Mutex<HashMap<_, _>>>::default();
        let counts = Arc::clone(&asked);
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let Some((name, kind, question)) = question(&packet[..length]) else {
                    continue;
                };
                let turn = {
                    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                    let count = counts.entry((name.clone(), kind)).or_default();
                    *count += 1;
                    *count - 1
                };
                if name.ends_with(SILENT) {
                    continue;
                }
                let findings = zone.get(&name);
                let finding = findings.and_then(|turns| turns.get(turn).or(turns.last()));
                let _ = socket.send_to(&answer(&packet, question, kind, finding), from);
            }
        });
        Self { asked }
    }

    /// How many names were asked for that are not answered.
    pub(crate) fn asked_in_vain(&self) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = asked
            .keys()
            .filter(|(name, kind)| name.ends_with(SILENT) && *kind == A);
        silent.count()
    }

    /// How often the IPv4 addresses of `name` were asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&(name.to_owned(), A)).copied().unwrap_or(0)
    }
}

/// The name asked for, in lower case; what of it is asked; and the question as it was put.
fn question(packet: &[u8]) -> Option<(String, u16, &[u8])> {
    let mut labels = Vec::new();
    let mut rest = packet.get(12..)?;
    loop {
        let (length, behind) = rest.split_first()?;
        if *length == 0 {
            rest = behind;
            break;
        }
        let (label, behind) = behind.split_at_checked((*length).into())?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        rest = behind;
    }
    let kind = u16::from_be_bytes(*rest.first_chunk()?);
    let end = packet.len() - rest.len() + 4;
    Some((labels.join("."), kind, packet.get(12..end)?))
}

fn answer(query: &[u8], question: &[u8], kind: u16, finding: Option<&Finding>) -> Vec<u8> {
    let mut records = Vec::new();
    let mut count = 0_u16;
    let Finding { aliases, addresses } = finding.cloned().unwrap_or_default();
    // A pointer to the name in the question.
    let mut owner = vec![0xc0, 12];
    for alias in aliases {
        let target = encoded(&alias);
        records.extend(record(&owner, CNAME, &target));
        owner = target;
        count += 1;
    }
    for address in addresses {
        let value = match (address, kind) {
            (IpAddr::V4(address), A) => address.octets().to_vec(),
            (IpAddr::V6(address), AAAA) => address.octets().to_vec(),
            _ => continue,
        };
        records.extend(record(&owner, kind, &value));
        count += 1;
    }
    // An answer, recursion available; no such name is 3.
    let flags = [0x81, if finding.is_some() { 0x80 } else { 0x83 }];
    let counts = [[0, 1], count.to_be_bytes(), [0, 0], [0, 0]].concat();
    [&query[..2], &flags, &counts, question, &records].concat()
}

/// A record of class IN that may not be kept.
fn record(owner: &[u8], kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a record is short");
    let head = [kind.to_be_bytes(), [0, 1], [0, 0], [0, 0], length.to_be_bytes()].concat();
    [owner, &head, value].concat()
}

fn encoded(name: &str) -> Vec<u8> {
    let mut encoded = Vec::new();
    for label in name.split('.') {
        encoded.push(u8::try_from(label.len()).expect("a label is short"));
        encoded.extend(label.bytes());
    }
    encoded.push(0);
    encoded
}
