use std::time::Duration;

use super::*;
use crate::signing::secret::SecretText;
use crate::testing::{ManualClock, SeededEntropy, fixtures};
use crate::webhook::{ApiKeyValue, Edit, Password, SettingsUpdate, TargetPolicy, Username};

const NOW: Instant = ManualClock::START;
const HOUR: u64 = 3600;

fn url(text: &str) -> TargetUrl {
    TargetUrl::parse(text.into(), &TargetPolicy::default()).unwrap()
}

/// A webhook of everything, at `https://example.com/hooks?a=b%20c`, whose type in use is PASSWORD.
fn webhook() -> Webhook {
    let settings = fixtures::full_settings();
    fixtures::webhook(&fixtures::acme(), settings, NOW, &SeededEntropy::default())
}

/// An update that changes nothing and keeps the credentials before it for so many seconds.
fn keeping(webhook: &Webhook, seconds: u64) -> SettingsUpdate {
    let settings = &webhook.settings;
    SettingsUpdate {
        previous_credentials_expires_in: Overlap::from_seconds(seconds).unwrap(),
        ..SettingsUpdate::new(
            settings.active,
            settings.include_previous_data,
            settings.authentication.kind(),
        )
    }
}

fn password(text: &str) -> Edit<Password> {
    Edit::Set(Password::parse(SecretText::new(text.into())).unwrap())
}

fn to_password(webhook: &Webhook, text: &str, seconds: u64) -> SettingsUpdate {
    SettingsUpdate {
        password: password(text),
        ..keeping(webhook, seconds)
    }
}

/// The password that is kept, and for how many seconds from now on.
fn kept(webhook: &Webhook) -> Option<(String, u64)> {
    let previous = webhook.previous_credentials(NOW)?;
    let password = previous.authentication.credentials().password.as_ref();
    Some((
        password.map_or("", Password::expose).to_owned(),
        previous.expires_at.since(NOW.whole_seconds()).as_secs(),
    ))
}

fn refused(webhook: Webhook, update: &SettingsUpdate) -> String {
    let refusal = webhook.update(update, NOW).unwrap_err();
    assert!(
        matches!(&refusal, Refusal::InvalidField { field, .. } if *field == FIELD),
        "{refusal}"
    );
    refusal.to_string()
}

#[test]
fn the_credentials_before_a_change_are_kept_for_as_long_as_is_asked() {
    let before = webhook();
    let after = before
        .clone()
        .update(&to_password(&before, "new", HOUR), NOW)
        .unwrap();
    assert_eq!(kept(&after), Some(("pass-word".into(), HOUR)));
    let previous = after.previous_credentials.as_ref().unwrap();
    assert_eq!(previous.since, after.version);
    let credentials = previous.authentication.credentials();
    assert_eq!(credentials.username.as_ref().map(Username::as_str), Some("user"));
    assert_eq!(
        credentials.api_key, None,
        "that of the type not in use is not kept"
    );
    let last = NOW.whole_seconds().plus(Duration::from_secs(HOUR - 1));
    assert!(after.previous_credentials(last).is_some());
    let over = NOW.whole_seconds().plus(Duration::from_secs(HOUR));
    assert_eq!(after.previous_credentials(over), None);
    assert_eq!(
        after.clone().without_expired_keys(over).previous_credentials,
        None
    );
    assert_eq!(after.clone().without_expired_keys(last), after);
}

#[test]
fn a_roll_keeps_them_too_and_a_plain_roll_leaves_them() {
    let before = webhook();
    let key = || fixtures::new_key(NOW, &SeededEntropy::new(7));
    let update = to_password(&before, "new", HOUR);
    let rolled = before.roll(Some(&update), key(), Overlap::DAY, NOW).unwrap();
    assert_eq!(kept(&rolled), Some(("pass-word".into(), HOUR)));
    assert_eq!(
        rolled.previous_credentials.as_ref().unwrap().since,
        rolled.version
    );
    let again = rolled.clone().roll(None, key(), Overlap::DAY, NOW).unwrap();
    assert_eq!(again.previous_credentials, rolled.previous_credentials);
}

#[test]
fn by_default_nothing_is_kept() {
    let before = webhook();
    let after = before
        .clone()
        .update(&to_password(&before, "new", 0), NOW)
        .unwrap();
    assert_eq!(after.previous_credentials, None);
}

#[test]
fn the_newest_previous_ones_take_the_place_of_those_before() {
    let first = webhook();
    let second = first
        .clone()
        .update(&to_password(&first, "two", HOUR), NOW)
        .unwrap();
    let third = second
        .clone()
        .update(&to_password(&second, "three", 60), NOW)
        .unwrap();
    assert_eq!(kept(&third), Some(("two".into(), 60)));
    let fourth = third
        .clone()
        .update(&to_password(&third, "four", 0), NOW)
        .unwrap();
    assert_eq!(kept(&fourth), None, "a change that keeps nothing ends them all");
}

#[test]
fn a_change_of_something_else_leaves_them_as_they_are() {
    let before = webhook();
    let held = before
        .clone()
        .update(&to_password(&before, "new", HOUR), NOW)
        .unwrap();
    let set_key = ApiKeyValue::parse(SecretText::new("another".into())).unwrap();
    for update in [
        keeping(&held, 0),
        SettingsUpdate {
            name: Edit::Clear,
            custom_headers: Edit::Clear,
            api_key: Edit::Set(set_key),
            ..keeping(&held, 0)
        },
        SettingsUpdate {
            url: Edit::Set(url("HTTPS://EXAMPLE.com:443/elsewhere?x=y")),
            ..keeping(&held, 0)
        },
    ] {
        let after = held.clone().update(&update, NOW).unwrap();
        assert_eq!(after.previous_credentials, held.previous_credentials);
        assert!(after.previous_credentials(NOW).is_some());
    }
}

#[test]
fn asking_to_keep_what_does_not_change_is_refused() {
    let before = webhook();
    let api_key = ApiKeyValue::parse(SecretText::new("another".into())).unwrap();
    let of_other_type = SettingsUpdate {
        api_key: Edit::Set(api_key),
        ..keeping(&before, HOUR)
    };
    let same = to_password(&before, "pass-word", HOUR);
    for update in [keeping(&before, 1), of_other_type, same] {
        let told = refused(before.clone(), &update);
        assert!(told.contains("unless a credential"), "{told}");
    }
}

#[test]
fn another_receiver_or_type_drops_them_and_asking_to_keep_them_is_refused() {
    let before = webhook();
    let held = before
        .clone()
        .update(&to_password(&before, "new", HOUR), NOW)
        .unwrap();
    let to = |edit: Edit<TargetUrl>| SettingsUpdate {
        url: edit,
        ..keeping(&held, 0)
    };
    let mut changes: Vec<_> = [
        "https://example.org/hooks",
        "https://example.com:8443/hooks?a=b%20c",
        "https://example.com./hooks?a=b%20c",
        "https://www.example.com/hooks?a=b%20c",
    ]
    .map(|text| to(Edit::Set(url(text))))
    .into();
    changes.push(to(Edit::Clear));
    for kind in [AuthenticationType::ApiKey, AuthenticationType::None] {
        changes.push(SettingsUpdate {
            authentication_type: kind,
            ..keeping(&held, 0)
        });
    }
    for update in changes {
        let after = held.clone().update(&update, NOW).unwrap();
        assert_eq!(after.previous_credentials, None, "{update:?}");
        let asking = SettingsUpdate {
            password: password("newest"),
            previous_credentials_expires_in: Overlap::from_seconds(1).unwrap(),
            ..update
        };
        let told = refused(held.clone(), &asking);
        assert!(told.contains("scheme, host or port"), "{told}");
    }
}

#[test]
fn a_webhook_without_a_url_keeps_none() {
    let settings = Settings {
        url: None,
        ..fixtures::full_settings()
    };
    let webhook = Webhook {
        settings,
        ..webhook()
    };
    let update = to_password(&webhook, "new", HOUR);
    refused(webhook, &update);
}

#[test]
fn what_is_for_another_receiver_is_not_used_whoever_changed_it() {
    let before = webhook();
    let mut held = before
        .clone()
        .update(&to_password(&before, "new", HOUR), NOW)
        .unwrap();
    held.settings.url = Some(url("https://example.org/hooks"));
    assert!(
        held.previous_credentials.is_some(),
        "as an older release leaves it"
    );
    assert_eq!(held.previous_credentials(NOW), None);
}

#[test]
fn the_name_of_an_api_keys_header_is_kept_with_the_key() {
    let before = webhook();
    let as_api_key = SettingsUpdate {
        authentication_type: AuthenticationType::ApiKey,
        ..keeping(&before, 0)
    };
    let before = before.update(&as_api_key, NOW).unwrap();
    let renamed = SettingsUpdate {
        api_header_field: Edit::Set(crate::webhook::ApiHeaderField::parse("X-New".into()).unwrap()),
        ..keeping(&before, HOUR)
    };
    let after = before.update(&renamed, NOW).unwrap();
    let previous = &after.previous_credentials.unwrap().authentication;
    let credentials = previous.credentials();
    assert_eq!(
        credentials.api_header_field.as_ref().map(|field| field.as_str()),
        Some("X-Webhook-Key")
    );
    assert_eq!(
        credentials.api_key.as_ref().map(ApiKeyValue::expose),
        Some("k3yOfTheReceiver")
    );
    assert_eq!((&credentials.username, &credentials.password), (&None, &None));
}
