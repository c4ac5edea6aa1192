//! A tunnel by SOCKS5 (RFC 1928), with a user and a password if there are any (RFC 1929).

use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{Credentials, NoTunnel, Target, broken, nonsense};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

pub(super) async fn tunnel(
    stream: &mut TcpStream,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), NoTunnel> {
    authenticate(stream, credentials).await?;
    stream.write_all(&request(target)?).await.map_err(broken)?;
    let [version, reply, _, kind] = read(stream).await?;
    if version != VERSION {
        return Err(nonsense("it does not speak SOCKS5"));
    }
    match reply {
        0 => {}
        2 => return Err(NoTunnel::NotAllowed),
        // A general failure, network or host unreachable, refused, or its time is over.
        1 | 3..=6 => return Err(NoTunnel::Receiver),
        _ => return Err(nonsense("it does not take CONNECT, or not this kind of address")),
    }
    // The address that it connects from is of no use, and is read so that the receiver's first byte comes next.
    match kind {
        IPV4 => drop(read::<6>(stream).await?),
        IPV6 => drop(read::<18>(stream).await?),
        NAME => {
            let [length] = read(stream).await?;
            let mut name = vec![0; usize::from(length) + 2];
            stream.read_exact(&mut name).await.map_err(broken)?;
        }
        _ => return Err(nonsense("its answer has an unknown kind of address")),
    }
    Ok(())
}

async fn authenticate(stream: &mut TcpStream, credentials: Option<&Credentials>) -> Result<(), NoTunnel> {
    let greeting: &[u8] = match credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    };
    stream.write_all(greeting).await.map_err(broken)?;
    match (read(stream).await?, credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, USER_AND_PASSWORD], Some(credentials)) => {
            let message = user_and_password(credentials)?;
            stream.write_all(&message).await.map_err(broken)?;
            match read(stream).await? {
                [_, 0] => Ok(()),
                _ => Err(nonsense("it refuses the user or the password")),
            }
        }
        ([VERSION, _], _) => Err(nonsense("it wants credentials of another kind")),
        _ => Err(nonsense("it does not speak SOCKS5")),
    }
}

fn user_and_password(credentials: &Credentials) -> Result<Zeroizing<Vec<u8>>, NoTunnel> {
    let mut message = Zeroizing::new(vec![1]);
    for text in [credentials.username.as_str(), credentials.password.expose()] {
        message.push(length(text)?);
        message.extend_from_slice(text.as_bytes());
    }
    Ok(message)
}

fn request(target: &Target) -> Result<Vec<u8>, NoTunnel> {
    let mut request = vec![VERSION, CONNECT, 0];
    let port = match target {
        Target::Address(address) => {
            match address.ip() {
                IpAddr::V4(address) => {
                    request.push(IPV4);
                    request.extend_from_slice(&address.octets());
                }
                IpAddr::V6(address) => {
                    request.push(IPV6);
                    request.extend_from_slice(&address.octets());
                }
            }
            address.port()
        }
        Target::Name(name, port) => {
            request.extend_from_slice(&[NAME, length(name)?]);
            request.extend_from_slice(name.as_bytes());
            *port
        }
    };
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

fn length(text: &str) -> Result<u8, NoTunnel> {
    u8::try_from(text.len()).map_err(|_| nonsense("a name for it is longer than 255 bytes"))
}

async fn read<const LENGTH: usize>(stream: &mut TcpStream) -> Result<[u8; LENGTH], NoTunnel> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).await.map_err(broken)?;
    Ok(bytes)
}
