//! The attacks, as one table: what was changed about a good token, and the token. None is believed.

mod bearers;
mod claims;
mod forms;
mod heads;

use webhook_domain::ports::TokenVerifier;

use super::issuer::{Key, NOW, issuers, strangers, verifier_of};

/// What was done, and the token that came of it.
type Attack = (String, String);

/// The issuer's keys, and a stranger's under the same names.
struct Parties {
    issuers: [Key; 3],
    strangers: [Key; 3],
}

#[test]
fn none_of_the_attacks_is_believed() {
    let parties = Parties {
        issuers: issuers(),
        strangers: strangers(),
    };
    let verifier = verifier_of(&parties.issuers);
    for key in &parties.issuers {
        let good = key.token(&key.header(), &super::issuer::claims());
        assert!(
            verifier.verify(&good, NOW).is_some(),
            "the table proves nothing: {}",
            key.alg
        );
    }
    let table: Vec<Attack> = [heads::attacks, bearers::attacks, claims::attacks, forms::attacks]
        .iter()
        .flat_map(|attacks| attacks(&parties))
        .collect();
    let believed: Vec<_> = table
        .iter()
        .filter(|(_, token)| verifier.verify(token, NOW).is_some())
        .map(|(name, _)| name)
        .collect();
    assert!(
        believed.is_empty(),
        "{} of {} were believed: {believed:#?}",
        believed.len(),
        table.len()
    );
    println!("{} attacks, 0 believed", table.len());
}
