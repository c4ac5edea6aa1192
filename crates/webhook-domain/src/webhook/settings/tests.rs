//! What an update does to settings.

use super::*;
use crate::testing::fixtures;
use crate::webhook::{ActionCatalogue, TargetPolicy};

/// An update that requires what is stored, and keeps the rest.
fn keeping(stored: &Settings) -> SettingsUpdate {
    let kind = stored.authentication.kind();
    SettingsUpdate::new(stored.active, stored.include_previous_data, kind)
}

#[test]
fn an_absent_field_keeps_what_is_stored() {
    for stored in [fixtures::full_settings(), fixtures::bare_settings()] {
        assert_eq!(keeping(&stored).apply(stored.clone()), Ok(stored));
    }
}

#[test]
fn a_null_clears_what_is_stored() {
    let update = SettingsUpdate {
        name: Edit::Clear,
        reference: Edit::Clear,
        username: Edit::Clear,
        password: Edit::Clear,
        api_header_field: Edit::Clear,
        api_key: Edit::Clear,
        custom_headers: Edit::Clear,
        url: Edit::Clear,
        included_actions: Edit::Clear,
        excluded_actions: Edit::Clear,
        signing_protocol: Edit::Clear,
        secret_rotation_days: Edit::Clear,
        secret_rotates_automatically: Edit::Clear,
        ..SettingsUpdate::new(true, false, AuthenticationType::None)
    };
    assert_eq!(
        update.apply(fixtures::full_settings()),
        Ok(fixtures::bare_settings())
    );
}

#[test]
fn a_value_is_set_and_only_where_it_was_given() {
    let full = fixtures::full_settings();
    let set = |value: &Option<Reference>| Edit::Set(value.clone().unwrap());
    let update = SettingsUpdate {
        reference: set(&full.reference),
        included_actions: Edit::Set(fixtures::actions(&[])),
        ..keeping(&fixtures::bare_settings())
    };
    let updated = update.apply(fixtures::bare_settings()).unwrap();
    let expected = Settings {
        reference: full.reference,
        included_actions: Some(fixtures::actions(&[])),
        ..fixtures::bare_settings()
    };
    assert_eq!(updated, expected);
    assert_eq!(
        fixtures::bare_settings().differences(&updated),
        ["reference", "included_actions"]
    );
}

#[test]
fn a_rule_of_the_deployment_judges_what_changes_alone() {
    let policy = TargetPolicy::default();
    let (url, objection) = TargetUrl::propose("http://example.com/".into(), &policy).unwrap();
    let catalogue = ActionCatalogue::new([]);
    let of = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let (list, foreign) = ActionList::propose(of(&["INVOICE.PAID", "OLD.GONE"]), &catalogue).unwrap();
    assert_eq!((objection.is_some(), foreign.as_slice()), (true, &[0, 1][..]));
    let update = |field| {
        let mut update = keeping(&fixtures::bare_settings());
        match field {
            "url" => {
                update.url = Edit::Set(url.clone());
                update.objections.url = objection.clone();
            }
            "included_actions" => {
                update.included_actions = Edit::Set(list.clone());
                update.objections.included_actions = foreign.clone();
            }
            _ => {
                update.excluded_actions = Edit::Set(list.clone());
                update.objections.excluded_actions = foreign.clone();
            }
        }
        update
    };
    let having = |first: &[&str]| Settings {
        url: Some(url.clone()),
        included_actions: Some(ActionList::restore(of(first))),
        excluded_actions: Some(ActionList::restore(of(first))),
        ..fixtures::bare_settings()
    };
    for (field, path) in [
        ("url", "url"),
        ("included_actions", "included_actions.0"),
        ("excluded_actions", "excluded_actions.0"),
    ] {
        let refusal = update(field).apply(fixtures::bare_settings()).unwrap_err();
        assert!(refusal.to_string().starts_with(&format!("{path} ")), "{refusal}");
        let same = having(&["INVOICE.PAID", "OLD.GONE"]);
        assert!(update(field).apply(same).is_ok(), "{field}");
    }
    for field in ["included_actions", "excluded_actions"] {
        let refusal = update(field).apply(having(&["INVOICE.PAID"])).unwrap_err();
        assert!(
            refusal.to_string().starts_with(&format!("{field}.1 ")),
            "{refusal}"
        );
    }
}

#[test]
fn what_the_type_needs_is_judged_on_the_result() {
    let to = |kind| SettingsUpdate::new(true, true, kind);
    let (full, bare) = (fixtures::full_settings(), fixtures::bare_settings());
    let changed = to(AuthenticationType::ApiKey).apply(full.clone()).unwrap();
    assert_eq!(
        changed.authentication.credentials(),
        full.authentication.credentials()
    );
    assert!(to(AuthenticationType::ApiKey).apply(bare).is_err());
    let cleared = SettingsUpdate {
        password: Edit::Clear,
        ..to(AuthenticationType::Password)
    };
    let refusal = cleared.apply(full).unwrap_err();
    assert!(
        matches!(
            refusal,
            Refusal::MissingField {
                field: "password",
                ..
            }
        ),
        "{refusal}"
    );
}
