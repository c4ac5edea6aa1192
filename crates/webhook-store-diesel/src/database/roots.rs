//! Which certificates a PostgreSQL server is judged by where the URL says `sslrootcert=system`: those that the machine trusts.
//!
//! libpq knows that word from release 16 on; an older one looks for a file of that name. It leaves the search to OpenSSL, which
//! looks where it was told to when it was built. That is the right place for OpenSSL as the machine's distribution has built it,
//! not for the one inside a release binary. So the word is replaced by the file that holds the machine's root certificates,
//! which every libpq reads. What libpq requires with the word stays required: that the server's name is checked. If no such
//! file is found, the word is left to libpq, which then finds certificates itself or refuses.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

const SYSTEM: &str = "sslrootcert=system";
const MODE: &str = "sslmode=";
const FULL: &str = "sslmode=verify-full";

/// Whether these parameters of a URL trust what the machine trusts, and do not check the server's name.
pub(super) fn are_trusted_for_any_name(parameters: &str) -> bool {
    parameters.split('&').any(|parameter| parameter == SYSTEM)
        && parameters
            .split('&')
            .any(|parameter| parameter.starts_with(MODE) && parameter != FULL)
}

/// The URL with the machine's root certificates in place of `sslrootcert=system`.
pub(super) fn in_place_of_system(url: &str) -> String {
    match url.contains(SYSTEM) {
        true => replaced(url, openssl_probe::probe().cert_file.as_deref()),
        false => url.to_owned(),
    }
}

fn replaced(url: &str, file: Option<&Path>) -> String {
    let Some((before, parameters)) = url.rsplit_once('?') else {
        return url.to_owned();
    };
    if !parameters.split('&').any(|parameter| parameter == SYSTEM) {
        return url.to_owned();
    }
    let in_file = |file: &Path| {
        let path = percent_encode(file.as_os_str().as_bytes(), NON_ALPHANUMERIC);
        format!("sslrootcert={path}")
    };
    let roots = file.map_or_else(|| SYSTEM.to_owned(), in_file);
    let others = parameters
        .split('&')
        .filter(|parameter| *parameter != SYSTEM && *parameter != FULL);
    // Last, for libpq takes the last of several values.
    let all: Vec<&str> = others.chain([roots.as_str(), FULL]).collect();
    format!("{before}?{}", all.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_becomes_a_file_and_the_name_is_checked() {
        let file = Some(Path::new("/etc/ssl/a b.pem"));
        for (url, expected) in [
            (
                "postgres://h/d?sslrootcert=system",
                "postgres://h/d?sslrootcert=%2Fetc%2Fssl%2Fa%20b%2Epem&sslmode=verify-full",
            ),
            (
                "postgres://h/d?ssl=true&sslmode=verify-full&sslrootcert=system&connect_timeout=1",
                "postgres://h/d?ssl=true&connect_timeout=1&sslrootcert=%2Fetc%2Fssl%2Fa%20b%2Epem&sslmode=verify-full",
            ),
            (
                "postgres://u:p?sslrootcert=system@h/d?sslrootcert=system",
                "postgres://u:p?sslrootcert=system@h/d?sslrootcert=%2Fetc%2Fssl%2Fa%20b%2Epem&sslmode=verify-full",
            ),
        ] {
            assert_eq!(replaced(url, file), expected);
        }
    }

    #[test]
    fn a_url_without_the_word_stays_as_it_is() {
        for url in [
            "postgres://h/d",
            "postgres://h/d?sslrootcert=system.pem",
            "postgres://h/sslrootcert=system",
            "postgres://u:sslrootcert=system@h/d?sslmode=require",
        ] {
            assert_eq!(replaced(url, Some(Path::new("/x"))), url);
        }
    }

    #[test]
    fn without_a_file_the_word_is_left_to_libpq() {
        assert_eq!(
            replaced("postgres://h/d?sslrootcert=system", None),
            "postgres://h/d?sslrootcert=system&sslmode=verify-full"
        );
    }
}
