use super::*;

/// A webhook whose password was another one a moment ago.
fn with_previous_credentials() -> Webhook {
    let update = fixtures::password_changed("new-word", Overlap::DAY);
    webhook().update(&update, NOW).unwrap()
}

#[test]
fn previous_credentials_are_restored_under_their_own_version_alone() {
    let vault = vault();
    let webhook = with_previous_credentials();
    let row = StoredWebhook::of(&webhook, &vault).unwrap();
    assert!(!serde_json::to_string(&row).unwrap().contains("-word"));
    assert_eq!(kept(&row).restore(&vault), Ok(webhook.clone()));
    let mut of_other_version = row.clone();
    of_other_version.previous_credentials.as_mut().unwrap().since += 1;
    let mut as_current = row.clone();
    as_current.password = as_current.previous_credentials.as_ref().unwrap().password.clone();
    let mut current_as_previous = row.clone();
    current_as_previous
        .previous_credentials
        .as_mut()
        .unwrap()
        .password
        .clone_from(&row.password);
    for moved in [of_other_version, as_current, current_as_previous] {
        let sealing = moved.restore(&vault).unwrap_err();
        assert!(matches!(sealing, StoredError::Sealing { .. }), "{sealing:?}");
    }
    let mut before_the_field = serde_json::to_value(&row).unwrap();
    before_the_field
        .as_object_mut()
        .unwrap()
        .remove("previous_credentials");
    let row: StoredWebhook = serde_json::from_value(before_the_field).unwrap();
    assert_eq!(row.restore(&vault).unwrap().previous_credentials, None);
}
