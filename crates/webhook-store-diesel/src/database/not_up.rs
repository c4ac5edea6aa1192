//! Whether PostgreSQL cannot be connected to because it is not up yet.
//!
//! libpq says why a connection failed in words alone. A server that is reached and refuses says `FATAL`, and waiting mends
//! that only while it starts, stops or has no place left. What is said without a server, such as that nobody listens or that
//! a name is not known, may pass; what the URL itself gets wrong does not. A server that speaks another language than English is
//! waited for, whatever it says.

/// What a server that will be up says when it is asked too early.
const NOT_YET: [&str; 6] = [
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
    "too many clients already",
    "remaining connection slots are reserved",
];

/// What the client itself finds wrong with the URL, with the server's certificate, or with its own.
const WRONG: [&str; 13] = [
    "invalid URI",
    "invalid connection option",
    "no password supplied",
    "does not support SSL",
    "certificate file",
    "private key",
    "does not match host name",
    "host name must be specified",
    "authentication method requirement",
    "channel binding",
    "SSL error",
    "sslmode",
    "invalid port number",
];

/// Whether libpq's words say so.
pub(super) fn is_told_by(words: &str) -> bool {
    let says_one_of = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    says_one_of(&NOT_YET) || !words.contains("FATAL") && !says_one_of(&WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_not_up_yet_is_waited_for() {
        for words in [
            "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n\tIs the server running on that host?",
            "could not translate host name \"db\" to address: Temporary failure in name resolution",
            "could not translate host name \"db.invalid\" to address: Name or service not known",
            "connection to server on socket \"/run/postgresql/.s.PGSQL.5432\" failed: No such file or directory",
            "connection to server at \"10.0.0.1\", port 5432 failed: timeout expired",
            "connection to server at \"db\" failed: FATAL:  the database system is starting up",
            "connection to server at \"db\" failed: FATAL:  sorry, too many clients already",
            "connection to server at \"db\" failed: server closed the connection unexpectedly",
        ] {
            assert!(is_told_by(words), "{words}");
        }
    }

    #[test]
    fn what_waiting_does_not_mend_is_not_waited_for() {
        for words in [
            "connection to server at \"db\" failed: FATAL:  password authentication failed for user \"webhook\"",
            "connection to server at \"db\" failed: FATAL:  database \"webhook\" does not exist",
            "connection to server at \"db\" failed: FATAL:  role \"webhook\" does not exist",
            "connection to server at \"db\" failed: FATAL:  no pg_hba.conf entry for host \"10.0.0.2\"",
            "connection to server at \"db\" failed: fe_sendauth: no password supplied",
            "connection to server at \"db\" failed: server does not support SSL, but SSL was required",
            "invalid URI query parameter: \"sslmod\"",
            "root certificate file \"/x\" does not exist",
            "could not get home directory to locate root certificate file",
            "connection to server at \"10.0.0.1\", port 5432 failed: SSL error: certificate verify failed",
            "server certificate for \"a.example\" does not match host name \"b.example\"",
            "host name must be specified for a verified SSL connection",
            "could not open certificate file \"/root/.postgresql/postgresql.crt\": Permission denied",
            "certificate present, but not private key file \"/x\"",
            "private key file \"/x\" has group or world access; file must have permissions u=rw (0600) or less",
            "could not load private key file \"/x\": wrong tag",
            "invalid sslmode value: \"verify_full\"",
            "weak sslmode \"require\" may not be used with sslrootcert=system (use \"verify-full\")",
            "channel binding required, but SSL not in use",
        ] {
            assert!(!is_told_by(words), "{words}");
        }
    }
}
