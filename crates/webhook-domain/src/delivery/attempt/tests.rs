use super::*;

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap()
}

fn unknown_issuer(sent_one_alone: bool) -> FailureCause {
    FailureCause::Tls(TlsFailure::UnknownIssuer { sent_one_alone })
}

#[test]
fn a_status_code_has_three_digits() {
    assert!(
        [0, 99, 1000, u16::MAX]
            .iter()
            .all(|code| StatusCode::new(*code).is_err())
    );
    assert_eq!((status(100).get(), status(999).get()), (100, 999));
}

#[test]
fn any_2xx_is_a_success_and_nothing_else_is() {
    for code in 100..=999 {
        let status = status(code);
        let expected = if code / 100 == 2 {
            AttemptOutcome::Succeeded { status }
        } else {
            AttemptOutcome::failed(FailureCause::Status(status))
        };
        assert_eq!(AttemptOutcome::of_answer(status), expected);
    }
}

#[test]
fn a_cause_is_restored_from_its_name_and_status_and_from_nothing_else() {
    for (name, cause) in [
        ("STATUS_CODE", FailureCause::Status(status(503))),
        ("TIMEOUT", FailureCause::Timeout),
        ("NAME_RESOLUTION", FailureCause::NameResolution),
        ("FORBIDDEN_ADDRESS", FailureCause::ForbiddenAddress),
        ("CONNECTION", FailureCause::Connection),
        ("TLS", FailureCause::Tls(TlsFailure::Other)),
        ("TLS_CERTIFICATE_EXPIRED", FailureCause::Tls(TlsFailure::Expired)),
        (
            "TLS_CERTIFICATE_NOT_YET_VALID",
            FailureCause::Tls(TlsFailure::NotYetValid),
        ),
        ("TLS_NAME_MISMATCH", FailureCause::Tls(TlsFailure::NameMismatch)),
        ("TLS_UNKNOWN_ISSUER", unknown_issuer(false)),
        ("TLS_WRONG_USAGE", FailureCause::Tls(TlsFailure::WrongUsage)),
        (
            "TLS_CLIENT_CERTIFICATE_REQUIRED",
            FailureCause::Tls(TlsFailure::ClientCertificateRequired),
        ),
        ("TLS_VERSION", FailureCause::Tls(TlsFailure::Version)),
        ("MALFORMED_ANSWER", FailureCause::MalformedAnswer),
    ] {
        assert_eq!(cause.name(), name);
        assert_eq!(FailureCause::restore(name, cause.status()), Ok(cause));
    }
    // Why an issuer may be unknown is told where it happens.
    assert_eq!(unknown_issuer(true).name(), "TLS_UNKNOWN_ISSUER");
    assert!(
        unknown_issuer(true)
            .to_string()
            .contains("an intermediate may be missing")
    );
    for (name, code) in [
        ("STATUS_CODE", None),
        ("TIMEOUT", Some(status(503))),
        ("OF_A_NEWER_RELEASE", Some(status(503))),
    ] {
        assert!(FailureCause::restore(name, code).is_err(), "{name}");
    }
    for name in ["OF_A_NEWER_RELEASE", "OTHER"] {
        assert_eq!(FailureCause::restore(name, None), Ok(FailureCause::Other));
    }
}

#[test]
fn an_attempt_tells_its_status_its_cause_and_its_end() {
    let attempt = |outcome| Attempt {
        at: Instant::from_milliseconds(1_000),
        duration: Duration::from_millis(250),
        key_fingerprints: Vec::new(),
        host: None,
        credentials: CredentialsTaken::Current,
        outcome,
        response_body: None,
    };
    let (ok, unavailable) = (status(204), status(503));
    for (outcome, status, cause) in [
        (AttemptOutcome::of_answer(ok), Some(ok), None),
        (
            AttemptOutcome::of_answer(unavailable),
            Some(unavailable),
            Some(FailureCause::Status(unavailable)),
        ),
        (
            AttemptOutcome::failed(FailureCause::Tls(TlsFailure::Other)),
            None,
            Some(FailureCause::Tls(TlsFailure::Other)),
        ),
    ] {
        let attempt = attempt(outcome);
        assert_eq!((attempt.status(), attempt.cause()), (status, cause));
        assert_eq!(attempt.ended_at().as_milliseconds(), 1_250);
    }
}
