use super::*;
use crate::testing::fixtures;
use crate::webhook::header_names::SENDERS_OWN;
use crate::webhook::{ApiKeyValue, Credentials, Edit, Password, Settings, SettingsUpdate, Username};

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn update(given: &[(&str, Option<&str>)]) -> Result<CustomHeadersUpdate, CustomHeadersError> {
    let given = given.iter();
    CustomHeadersUpdate::parse(
        given
            .map(|(name, value)| ((*name).to_owned(), value.map(secret)))
            .collect(),
    )
}

fn headers(given: &[(&str, &str)]) -> CustomHeaders {
    let given: Vec<_> = given.iter().map(|(name, value)| (*name, Some(*value))).collect();
    update(&given).unwrap().apply(None).unwrap()
}

fn pairs(headers: &CustomHeaders) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.expose()))
        .collect()
}

fn field(refusal: Refusal) -> String {
    match refusal {
        Refusal::InvalidField { field, .. } => field.into_owned(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_name_is_a_token_that_nobody_else_sets() {
    let longest = "x".repeat(64);
    for right in [
        "X-Tenant",
        "x",
        "!#$%&'*+-.^_`|~9",
        "Authorization",
        "X-Forwarded",
        "proxy",
        &longest,
    ] {
        assert!(CustomHeaderName::parse(right.to_owned()).is_ok(), "{right}");
    }
    let long = "x".repeat(65);
    for wrong in [
        "",
        " ",
        "X Tenant",
        "X-Tenant ",
        "X-Tenant:",
        ":authority",
        "X\r\nY",
        "X\tY",
        "Zoë",
        "X(Y)",
        "X/Y",
        "X\0",
        "\u{7f}",
        &long,
    ] {
        assert!(CustomHeaderName::parse(wrong.to_owned()).is_err(), "{wrong:?}");
    }
    let reserved = [
        "Cookie",
        "traceparent",
        "TRACESTATE",
        "Forwarded",
        "X-Real-IP",
        "x_real_ip",
        "HTTP2-Settings",
        "http2_settings",
        "X-Forwarded-For",
        "x_forwarded_proto",
        "Proxy-Anything",
        "proxy_authorization",
        "Webhook-Signature",
        "webhook-x",
        "WEBHOOK_ID",
        "X-Payload-Signature",
        "x_payload_y",
    ];
    for own in SENDERS_OWN.into_iter().chain(reserved) {
        for spelt in [own.to_owned(), own.to_uppercase(), own.replace('-', "_")] {
            assert!(CustomHeaderName::parse(spelt.clone()).is_err(), "{spelt}");
        }
    }
}

#[test]
fn a_value_is_visible_ascii_with_spaces_within() {
    let longest = "v".repeat(1024);
    for right in ["v", "Bearer a.b", "a  b", "!~\"\\,;=", &longest] {
        assert!(CustomHeaderValue::parse(secret(right)).is_ok(), "{right}");
    }
    let long = "v".repeat(1025);
    for wrong in [
        "",
        " ",
        " v",
        "v ",
        "a\tb",
        "a\r\nX-B: c",
        "a\nb",
        "a\rb",
        "Zoë",
        "a\0b",
        "\u{7f}",
        "a\u{a0}b",
        &long,
    ] {
        assert!(CustomHeaderValue::parse(secret(wrong)).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_set_has_at_most_sixteen_names_and_each_once_however_it_is_spelt() {
    let names: Vec<_> = (0..17).map(|number| format!("X-{number}")).collect();
    let given: Vec<_> = names.iter().map(|name| (name.as_str(), Some("v"))).collect();
    assert!(update(&given[..16]).is_ok());
    assert_eq!(update(&given).unwrap_err().name, None);
    for (one, other) in [("X-A", "x-a"), ("X-A", "X_A"), ("X-A", "X-A")] {
        let refused = update(&[(one, Some("v")), (other, None)]).unwrap_err();
        assert_eq!(refused.name.as_deref(), Some(other));
    }
}

#[test]
fn a_set_has_at_most_8_kib_of_names_and_values_kept_ones_included() {
    let value = "v".repeat(1022);
    let names: Vec<_> = (0..8).map(|number| format!("X{number}")).collect();
    let mut given: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some(value.as_str())))
        .collect();
    let fits = update(&given).unwrap().apply(None).unwrap();
    given.push(("Y", Some("v")));
    assert_eq!(update(&given).unwrap_err().name, None);
    let mut kept: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    assert_eq!(update(&kept).unwrap().apply(Some(&fits)), Ok(fits.clone()));
    kept.push(("Y", Some("v")));
    let refusal = update(&kept).unwrap().apply(Some(&fits)).unwrap_err();
    assert_eq!(field(refusal), "custom_headers");
}

#[test]
fn a_set_replaces_the_one_before_and_null_keeps_a_value() {
    let stored = headers(&[("X-A", "one"), ("X-B", "two")]);
    let apply = |given: &[(&str, Option<&str>)]| update(given).unwrap().apply(Some(&stored));
    assert_eq!(
        pairs(&apply(&[("X-C", Some("3")), ("x_b", None)]).unwrap()),
        [("X-C", "3"), ("x_b", "two")]
    );
    assert_eq!(apply(&[("X-A", None), ("X-B", None)]), Ok(stored.clone()));
    assert_eq!(apply(&[]), Ok(CustomHeaders::default()));
    assert_eq!(
        field(apply(&[("X-Unknown", None)]).unwrap_err()),
        "custom_headers.X-Unknown"
    );
    let first = update(&[("X-A", None)]).unwrap().apply(None);
    assert_eq!(field(first.unwrap_err()), "custom_headers.X-A");
}

fn with(kind: AuthenticationType, api_header_field: &str, custom: &[(&str, &str)]) -> Settings {
    let credentials = Credentials {
        username: Some(Username::parse("u".into()).unwrap()),
        password: Some(Password::parse(secret("p")).unwrap()),
        api_header_field: Some(ApiHeaderField::parse(api_header_field.into()).unwrap()),
        api_key: Some(ApiKeyValue::parse(secret("k")).unwrap()),
    };
    Settings {
        authentication: Authentication::new(kind, credentials).unwrap(),
        custom_headers: Some(headers(custom)),
        ..fixtures::bare_settings()
    }
}

fn to(kind: AuthenticationType) -> SettingsUpdate {
    SettingsUpdate::new(true, false, kind)
}

fn setting(kind: AuthenticationType, given: &[(&str, Option<&str>)]) -> SettingsUpdate {
    SettingsUpdate {
        custom_headers: Edit::Set(update(given).unwrap()),
        ..to(kind)
    }
}

#[test]
fn authorization_stands_beside_every_type_but_password() {
    use AuthenticationType::{ApiKey, None as Nothing, Password};
    let authorization = [("authoriZation", Some("Bearer a"))];
    for kind in [Nothing, ApiKey] {
        assert!(
            setting(kind, &authorization)
                .apply(with(kind, "X-Key", &[]))
                .is_ok()
        );
    }
    let refused = |update: SettingsUpdate, stored| field(update.apply(stored).unwrap_err());
    let path = "custom_headers.authoriZation";
    assert_eq!(
        refused(setting(Password, &authorization), with(Password, "X-Key", &[])),
        path
    );
    let stored = with(Nothing, "X-Key", &[("authoriZation", "Bearer a")]);
    assert_eq!(refused(to(Password), stored.clone()), path);
    let instead = setting(Password, &[("X-A", Some("b"))]);
    assert!(instead.apply(stored.clone()).is_ok());
    let cleared = SettingsUpdate {
        custom_headers: Edit::Clear,
        ..to(Password)
    };
    assert!(cleared.apply(stored).is_ok());
}

#[test]
fn no_custom_header_takes_the_place_of_the_api_key() {
    use AuthenticationType::{ApiKey, None as Nothing};
    let refused = |update: SettingsUpdate, stored| field(update.apply(stored).unwrap_err());
    let field_to = |kind, name: &str| SettingsUpdate {
        api_header_field: Edit::Set(ApiHeaderField::parse(name.into()).unwrap()),
        ..to(kind)
    };
    let same = [("X_API_KEY", Some("v"))];
    let custom = [("X_API_KEY", "v")];
    assert_eq!(
        refused(setting(ApiKey, &same), with(ApiKey, "X-Api-Key", &[])),
        "custom_headers.X_API_KEY"
    );
    assert_eq!(
        refused(field_to(ApiKey, "x-api-key"), with(ApiKey, "X-Key", &custom)),
        "api_header_field"
    );
    // Not in use, it is in nobody's way.
    assert!(
        setting(Nothing, &same)
            .apply(with(Nothing, "X-Api-Key", &[]))
            .is_ok()
    );
    assert!(
        field_to(Nothing, "X-Api-Key")
            .apply(with(Nothing, "X-Key", &custom))
            .is_ok()
    );
    assert_eq!(
        refused(to(ApiKey), with(Nothing, "X-Api-Key", &custom)),
        "custom_headers.X_API_KEY"
    );
    // Both at once: only the result counts.
    let swapped = SettingsUpdate {
        custom_headers: Edit::Set(update(&[("X-Key", Some("v"))]).unwrap()),
        ..field_to(ApiKey, "X-Api-Key")
    };
    let swapped = swapped.apply(with(ApiKey, "X-Key", &custom)).unwrap();
    assert_eq!(pairs(swapped.custom_headers.as_ref().unwrap()), [("X-Key", "v")]);
}

#[test]
fn what_an_older_rule_has_accepted_can_be_sent_back() {
    let header = CustomHeader {
        name: CustomHeaderName::restore("Authorization".into()),
        value: CustomHeaderValue::restore(secret("Bearer a")),
    };
    let stored = Settings {
        custom_headers: Some(CustomHeaders::restore(vec![header])),
        ..with(AuthenticationType::Password, "X-Key", &[])
    };
    let same = setting(AuthenticationType::Password, &[("Authorization", None)]);
    assert_eq!(same.apply(stored.clone()), Ok(stored));
}

#[test]
fn no_value_has_a_debug_text() {
    let text = format!(
        "{:?} {:?}",
        headers(&[("X-A", "hunter2")]),
        update(&[("X-A", Some("hunter2"))])
    );
    assert!(text.contains("X-A") && !text.contains("hunter2"), "{text}");
}
