//! Receivers over TLS: what each shows, and what comes of it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    sync::Arc,
    thread,
};

use rustls::{ServerConfig, pki_types::pem::PemObject as _, version};
use webhook_test_tls::{
    Authority, CertificateParams, ExtendedKeyUsagePurpose, Identity, Speaks, authorities, authority_below,
    before_tls_1_2, changed, date_time_ymd, named, of_authority, server, trusting,
};
use webhook_tests::receiver::Receiver;

use crate::failures::*;

/// A receiver, and what comes of delivering to it without a client certificate.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) failure: Option<Failure>,
    /// None where something else than a receiver listens.
    pub(crate) receiver: Option<Receiver>,
}

/// The receivers, and what their deployment needs.
pub(crate) struct Receivers {
    pub(crate) cases: Vec<Case>,
    /// Whom the deployment trusts, in PEM.
    pub(crate) trusted: String,
    /// The identity of a client that receivers want who demand one, as certificate and key in PEM.
    pub(crate) client: [String; 2],
    /// Another that they do not want.
    pub(crate) stranger: [String; 2],
}

impl Receivers {
    /// All of them. What `openssl` makes is left in `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        let (root, between) = authorities("root");
        let (unknown, unknown_between) = authorities("unknown root");
        let mut made = Maker {
            directory,
            trusted: vec![pem("CERTIFICATE", root.as_ref().der())],
            cases: Vec::new(),
        };
        made.that_are_trusted(&root, &between);
        made.that_are_their_own_issuers();
        made.that_are_not_trusted(&root, &between, (&unknown, &unknown_between));
        made.that_demand_certificates(&root);
        made.that_cannot_be_spoken_to();
        let identity = |issuer: &Authority| {
            let identity = Identity::issued(&named("client.example"), issuer);
            [pem("CERTIFICATE", &identity.chain[0]), identity.key_pem()]
        };
        Self {
            cases: made.cases,
            trusted: made.trusted.concat(),
            client: identity(&root),
            stranger: identity(&unknown),
        }
    }
}

struct Maker<'test> {
    directory: &'test Path,
    trusted: Vec<String>,
    cases: Vec<Case>,
}

impl Maker<'_> {
    fn receiver(&mut self, name: &'static str, tls: Arc<ServerConfig>, host: &str, failure: Option<Failure>) {
        let receiver = Receiver::over_tls(tls);
        self.cases.push(Case {
            name,
            url: receiver.url_at(host),
            failure,
            receiver: Some(receiver),
        });
    }

    /// A receiver by the name `localhost`.
    fn showing(&mut self, name: &'static str, identity: &Identity, failure: Option<Failure>) {
        self.receiver(name, server(identity, Speaks::default()), "localhost", failure);
    }

    fn trust(&mut self, identity: &Identity) {
        self.trusted.push(pem("CERTIFICATE", &identity.chain[0]));
    }

    fn that_are_trusted(&mut self, root: &Authority, between: &Authority) {
        let issued = |name: &str| Identity::issued(&named(name), between).with(&[between]);
        self.showing("a good chain", &issued("localhost"), None);
        self.showing("a chain with its root", &issued("localhost").with(&[root]), None);
        let shuffled = issued("localhost").with(&[root]).shuffled();
        self.showing("a chain that is shuffled", &shuffled, None);
        let ed25519 = Identity::issued_for_ed25519(&named("localhost"), between).with(&[between]);
        self.showing("Ed25519", &ed25519, None);
        let of_address = server(&issued("127.0.0.1"), Speaks::default());
        self.receiver("an address", of_address, "127.0.0.1", None);
        let of_name = || server(&issued("localhost"), Speaks::default());
        self.receiver("a name with its last dot", of_name(), "localhost.", None);
        self.receiver("a name in capitals", of_name(), "LOCALHOST", None);
        for (name, only) in [
            ("TLS 1.2 alone", &version::TLS12),
            ("TLS 1.3 alone", &version::TLS13),
        ] {
            let speaks = Speaks {
                only: Some(only),
                demands: None,
            };
            self.receiver(name, server(&issued("localhost"), speaks), "localhost", None);
        }
    }

    /// Certificates that nobody but themselves has issued; all but the last are trusted by the operator.
    fn that_are_their_own_issuers(&mut self) {
        let year = date_time_ymd;
        let authoritys = |name: &str, change: fn(&mut CertificateParams)| {
            let mut parameters = of_authority("its own");
            parameters.subject_alt_names = named(name).subject_alt_names;
            change(&mut parameters);
            Identity::of_its_own(&parameters)
        };
        let client_only = |parameters: &mut CertificateParams| {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        };
        for (name, identity, failure) in [
            (
                "its own, a receiver's",
                Identity::of_its_own(&named("localhost")),
                None,
            ),
            ("its own, an authority's", authoritys("localhost", |_| {}), None),
            (
                "its own, for another name",
                authoritys("elsewhere.example", |_| {}),
                Some(ANOTHER_NAME),
            ),
            (
                "its own, expired",
                authoritys("localhost", |parameters| {
                    parameters.not_after = date_time_ymd(2020, 1, 1)
                }),
                Some(EXPIRED),
            ),
            (
                "its own, a receiver's, expired",
                Identity::of_its_own(&changed("localhost", |parameters| {
                    parameters.not_after = year(2020, 1, 1)
                })),
                Some(EXPIRED),
            ),
            (
                "its own, not yet valid",
                authoritys("localhost", |parameters| {
                    parameters.not_before = date_time_ymd(2100, 1, 1)
                }),
                Some(NOT_YET_VALID),
            ),
            (
                "its own, not for servers",
                authoritys("localhost", client_only),
                Some(WRONG_USAGE),
            ),
        ] {
            self.trust(&identity);
            self.showing(name, &identity, failure);
        }
        for (name, subject, more, host, failure) in [
            (
                "openssl req -x509",
                "/CN=receiver",
                &["-addext", "subjectAltName=DNS:localhost"][..],
                "localhost",
                None,
            ),
            (
                "openssl req -x509 for an address",
                "/CN=receiver",
                &["-addext", "subjectAltName=IP:127.0.0.1"],
                "127.0.0.1",
                None,
            ),
            // A name that stands in the subject alone is none (RFC 9525 §2).
            (
                "openssl req -x509 without a name",
                "/CN=localhost",
                &[],
                "localhost",
                Some(ANOTHER_NAME),
            ),
        ] {
            let (certificate, tls) = self.made_by_openssl(subject, more);
            self.trusted.push(certificate);
            self.receiver(name, tls, host, failure);
        }
        let untrusted = authoritys("localhost", |_| {});
        self.showing(
            "its own, an authority's, not trusted",
            &untrusted,
            Some(UNKNOWN_ISSUER),
        );
        let untrusted = Identity::of_its_own(&named("localhost"));
        self.showing(
            "its own, a receiver's, not trusted",
            &untrusted,
            Some(UNKNOWN_ISSUER),
        );
    }

    /// A certificate as operators make it: in PEM, and the receiver's side of TLS with it.
    fn made_by_openssl(&self, subject: &str, more: &[&str]) -> (String, Arc<ServerConfig>) {
        let place = self.directory.join(format!("openssl-{}", self.cases.len()));
        let [certificate, key] = ["crt", "key"].map(|kind| place.with_extension(kind));
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", subject,
            ])
            .args(more)
            .args([
                "-out".as_ref(),
                certificate.as_os_str(),
                "-keyout".as_ref(),
                key.as_os_str(),
            ]);
        let ended = openssl.output().expect("openssl runs; .ci/install installs it");
        assert!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        let chain = rustls::pki_types::CertificateDer::from_pem_file(&certificate).expect("it is in PEM");
        let key = rustls::pki_types::PrivateKeyDer::from_pem_file(&key).expect("it is in PEM");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("there are such versions")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("the key is the certificate's");
        let text = std::fs::read_to_string(&certificate).expect("it was written");
        (text, Arc::new(config))
    }

    fn that_are_not_trusted(
        &mut self,
        root: &Authority,
        between: &Authority,
        unknown: (&Authority, &Authority),
    ) {
        let issued = |parameters: &CertificateParams| Identity::issued(parameters, between).with(&[between]);
        let year = date_time_ymd;
        let expired = changed("localhost", |parameters| parameters.not_after = year(2020, 1, 1));
        self.showing("expired", &issued(&expired), Some(EXPIRED));
        let early = changed("localhost", |parameters| parameters.not_before = year(2100, 1, 1));
        self.showing("not yet valid", &issued(&early), Some(NOT_YET_VALID));
        self.showing(
            "another name",
            &issued(&named("elsewhere.example")),
            Some(ANOTHER_NAME),
        );
        let elsewhere = server(&issued(&named("127.0.0.2")), Speaks::default());
        self.receiver("another address", elsewhere, "127.0.0.1", Some(ANOTHER_NAME));
        let of_name = server(&issued(&named("localhost")), Speaks::default());
        self.receiver(
            "a name, asked by its address",
            of_name,
            "127.0.0.1",
            Some(ANOTHER_NAME),
        );
        let (unknown, unknown_between) = unknown;
        let stranger = Identity::issued(&named("localhost"), unknown_between);
        let stranger = stranger.with(&[unknown_between, unknown]);
        self.showing("an unknown issuer", &stranger, Some(UNKNOWN_ISSUER));
        let pinned = Identity::issued(&named("localhost"), unknown_between);
        self.trust(&pinned);
        self.showing("an unknown issuer, itself trusted", &pinned, None);
        let mut expired = of_authority("expired");
        expired.not_after = year(2020, 1, 1);
        let expired = authority_below(root, expired);
        let behind = Identity::issued(&named("localhost"), &expired).with(&[&expired]);
        self.showing("an intermediate that has expired", &behind, Some(EXPIRED));
        let alone = Identity::issued(&named("localhost"), between);
        self.showing(
            "an intermediate that is missing",
            &alone,
            Some(MISSING_INTERMEDIATE),
        );
        let misled = Identity::issued(&named("localhost"), between).with(&[root]);
        self.showing(
            "the root instead of the intermediate",
            &misled,
            Some(UNKNOWN_ISSUER),
        );
        let client_only = changed("localhost", |parameters| {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        self.showing("not for servers", &issued(&client_only), Some(WRONG_USAGE));
    }

    fn that_demand_certificates(&mut self, root: &Authority) {
        for (name, only) in [
            ("a client certificate demanded in TLS 1.2", &version::TLS12),
            ("a client certificate demanded in TLS 1.3", &version::TLS13),
        ] {
            let speaks = Speaks {
                only: Some(only),
                demands: Some(trusting(root)),
            };
            let identity = Identity::issued(&named("localhost"), root);
            self.receiver(
                name,
                server(&identity, speaks),
                "localhost",
                Some(CLIENT_CERTIFICATE),
            );
        }
    }

    fn that_cannot_be_spoken_to(&mut self) {
        let hello = before_tls_1_2::server_hello();
        for (name, bytes, failure) in [
            (
                "TLS 1.1 alone, with an alert",
                before_tls_1_2::PROTOCOL_VERSION,
                VERSION,
            ),
            ("TLS 1.1 alone, with a hello", &hello, VERSION),
            (
                "no way to encrypt in common",
                before_tls_1_2::HANDSHAKE_FAILURE,
                OTHER,
            ),
            (
                "HTTP in the clear",
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
                OTHER,
            ),
            ("hanging up", b"", OTHER),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
            let port = listener.local_addr().expect("a listener has an address").port();
            let bytes = bytes.to_vec();
            thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = stream.write_all(&bytes);
                }
            });
            self.cases.push(Case {
                name,
                url: format!("https://localhost:{port}/"),
                failure: Some(failure),
                receiver: None,
            });
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = data_encoding::BASE64.encode(der);
    format!("-----BEGIN {label}-----\n{encoded}\n-----END {label}-----\n")
}
