//! Certificates as files have them.

use rustls::pki_types::CertificateDer;

/// `chain` in PEM.
pub fn certificates(chain: &[CertificateDer<'_>]) -> String {
    let of_one = |certificate: &CertificateDer<'_>| {
        let text = data_encoding::BASE64.encode(certificate);
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    };
    chain.iter().map(of_one).collect()
}
