//! What servers say that speak no version of TLS later than 1.1.

/// A fatal alert, `protocol_version` (RFC 4346 §7.2.2), in a record of TLS 1.1.
pub const PROTOCOL_VERSION: &[u8] = &[21, 3, 2, 0, 2, 2, 70];

/// A fatal alert, `handshake_failure`, in a record of TLS 1.1: what a server sends that shares no way to encrypt.
pub const HANDSHAKE_FAILURE: &[u8] = &[21, 3, 2, 0, 2, 2, 40];

/// A `ServerHello` (RFC 4346 §7.4.1.3) of TLS 1.1: `TLS_RSA_WITH_AES_128_CBC_SHA`, no session, no compression, no extensions.
pub fn server_hello() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    let length = u8::try_from(hello.len()).expect("it is short");
    let handshake = [vec![2, 0, 0, length], hello].concat();
    [vec![22, 3, 2, 0, length + 4], handshake].concat()
}
