//! Receivers that speak TLS: which certificates are believed, and why others are not, each by its cause.

mod connections;
mod receivers;

use webhook_domain::delivery::attempt::{AttemptOutcome, TlsFailure};
use webhook_test_tls::{
    CertificateParams, ExtendedKeyUsagePurpose, Identity, Speaks, authorities, changed, date_time_ymd, named,
    of_authority, trusting,
};

use self::receivers::{NAME, outcome_at, receiver, refused, sender_of};
use crate::fixtures::answered;

const fn unknown_issuer(sent_one_alone: bool) -> AttemptOutcome {
    refused(TlsFailure::UnknownIssuer { sent_one_alone })
}

#[tokio::test]
async fn a_certificate_is_believed_or_refused_by_its_cause() {
    let (root, between) = authorities("root");
    let (elsewhere, _) = authorities("another root");
    let issued = |parameters: &CertificateParams| Identity::issued(parameters, &between).with(&[&between]);
    let good = || issued(&named(NAME));
    let year = date_time_ymd;
    let authority_named = |change: fn(&mut CertificateParams)| {
        let mut parameters = of_authority("its own");
        parameters.subject_alt_names = named(NAME).subject_alt_names;
        change(&mut parameters);
        Identity::of_its_own(&parameters)
    };
    let own = |identity: Identity| {
        let trusted = identity.own();
        (identity, trusted)
    };
    let of_root = |identity: Identity| (identity, trusting(&root));
    let shuffled = good().with(&[&root]).shuffled();
    let mut client_only = named(NAME);
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (name, (identity, trusted), host, expected) in [
        ("a good chain", of_root(good()), NAME, answered(200)),
        (
            "a chain with its root",
            of_root(good().with(&[&root])),
            NAME,
            answered(200),
        ),
        ("a chain that is shuffled", of_root(shuffled), NAME, answered(200)),
        (
            "Ed25519",
            of_root(Identity::issued_for_ed25519(&named(NAME), &between).with(&[&between])),
            NAME,
            answered(200),
        ),
        (
            "an address",
            of_root(issued(&named("127.0.0.1"))),
            "127.0.0.1",
            answered(200),
        ),
        (
            "a wildcard",
            of_root(issued(&named("*.hook.example"))),
            "www.hook.example",
            answered(200),
        ),
        (
            "its own, trusted",
            own(Identity::of_its_own(&named(NAME))),
            NAME,
            answered(200),
        ),
        (
            "its own, an authority's, trusted",
            own(authority_named(|_| {})),
            NAME,
            answered(200),
        ),
        (
            "its own, an authority's, for another name",
            own(authority_named(|parameters| {
                parameters.subject_alt_names = named("other.example").subject_alt_names;
            })),
            NAME,
            refused(TlsFailure::NameMismatch),
        ),
        (
            "its own, an authority's, expired",
            own(authority_named(|parameters| {
                parameters.not_after = date_time_ymd(2020, 1, 1)
            })),
            NAME,
            refused(TlsFailure::Expired),
        ),
        (
            "its own, an authority's, not yet valid",
            own(authority_named(|parameters| {
                parameters.not_before = date_time_ymd(2100, 1, 1)
            })),
            NAME,
            refused(TlsFailure::NotYetValid),
        ),
        (
            "its own, an authority's, not for servers",
            own(authority_named(|parameters| {
                parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            })),
            NAME,
            refused(TlsFailure::WrongUsage),
        ),
        (
            "its own, an authority's, not trusted",
            (authority_named(|_| {}), trusting(&root)),
            NAME,
            refused(TlsFailure::UnknownIssuer {
                sent_one_alone: false,
            }),
        ),
        (
            "its own, renewed since it was trusted",
            (
                Identity::of_its_own(&named(NAME)),
                Identity::of_its_own(&named(NAME)).own(),
            ),
            NAME,
            unknown_issuer(false),
        ),
        (
            "an issuer of the same name as one that is trusted",
            (good(), trusting(&authorities("root").0)),
            NAME,
            unknown_issuer(false),
        ),
        (
            "expired",
            of_root(issued(&changed(NAME, |parameters| {
                parameters.not_after = year(2020, 1, 1)
            }))),
            NAME,
            refused(TlsFailure::Expired),
        ),
        (
            "not yet valid",
            of_root(issued(&changed(NAME, |parameters| {
                parameters.not_before = year(2100, 1, 1)
            }))),
            NAME,
            refused(TlsFailure::NotYetValid),
        ),
        (
            "another name",
            of_root(issued(&named("other.example"))),
            NAME,
            refused(TlsFailure::NameMismatch),
        ),
        (
            "another address",
            of_root(issued(&named("127.0.0.2"))),
            "127.0.0.1",
            refused(TlsFailure::NameMismatch),
        ),
        (
            "an unknown issuer",
            (good(), trusting(&elsewhere)),
            NAME,
            unknown_issuer(false),
        ),
        (
            "nobody trusted",
            (good(), Vec::new()),
            NAME,
            unknown_issuer(false),
        ),
        (
            "an intermediate that is missing",
            of_root(Identity::issued(&named(NAME), &between)),
            NAME,
            unknown_issuer(true),
        ),
        (
            "not for servers",
            of_root(issued(&client_only)),
            NAME,
            refused(TlsFailure::WrongUsage),
        ),
    ] {
        let address = receiver(&identity, Speaks::default()).await;
        let sender = sender_of(trusted, None);
        assert_eq!(outcome_at(&sender, host, address).await, expected, "{name}");
    }
}
