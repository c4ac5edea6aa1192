use super::*;
use crate::signing::secret::SecretText;
use crate::testing::{ManualClock, SeededEntropy, fixtures};
use crate::webhook::{
    ApiKeyValue, Authentication, AuthenticationType, Credentials, Password, Settings, Username,
};

const PASSWORD: &str = "pa/ss<&>w\\rd+1";
const API_KEY: &str = "k3yOfTheReceiver";
const ROUTE: &str = "eu/1 & <\"west\">";
const TOKEN: &str = "t0ken.of-a+gateway==";
const SIGNATURE: &str = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn webhook() -> Webhook {
    let credentials = Credentials {
        username: Some(Username::parse("acme".into()).unwrap()),
        password: Some(Password::parse(SecretText::new(PASSWORD.into())).unwrap()),
        api_key: Some(ApiKeyValue::parse(SecretText::new(API_KEY.into())).unwrap()),
        ..Credentials::default()
    };
    let settings = Settings {
        authentication: Authentication::new(AuthenticationType::Password, credentials).unwrap(),
        custom_headers: Some(fixtures::custom_headers(&[
            ("X-Route", ROUTE),
            ("X-Gateway", &format!("Bearer {TOKEN}")),
            ("X-Basic", "basic  YWRtaW46aDo0bnRlcjI="),
        ])),
        ..fixtures::bare_settings()
    };
    fixtures::webhook(
        &fixtures::acme(),
        settings,
        ManualClock::START,
        &SeededEntropy::default(),
    )
}

fn shown(webhook: &Webhook, body: &[u8]) -> Option<String> {
    let mut start = BodyStart::default();
    start.add(body);
    let signatures = [
        format!("v1,{SIGNATURE}"),
        "v1=0123456789ABCDEF,v1=FEDCBA9876543210".to_owned(),
    ];
    let body = ResponseBody::of(&start, || Confidential::of(webhook, &signatures));
    body.map(|body| body.as_str().to_owned())
}

fn plain(body: &[u8]) -> Option<String> {
    shown(&webhook(), body)
}

#[test]
fn a_body_is_its_first_kib_as_text() {
    assert_eq!(plain(b""), None);
    assert_eq!(plain(b"no\0\n \x1b").as_deref(), Some("no\0\n \x1b"));
    assert_eq!(
        plain(b"\xff\xfea\xc3").as_deref(),
        Some("\u{fffd}\u{fffd}a\u{fffd}")
    );
    assert_eq!(plain(&[b'.'; 3000]), Some(".".repeat(1024)));
    for character in ["\u{e9}", "\u{4e2d}", "\u{1f511}"] {
        for whole in 0..character.len() {
            let before = ".".repeat(1024 - whole);
            let expected = Some(before.clone());
            assert_eq!(
                plain(format!("{before}{character}{character}").as_bytes()),
                expected
            );
        }
        let fits = format!("{}{character}", ".".repeat(1024 - character.len()));
        assert_eq!(plain(format!("{fits}more").as_bytes()), Some(fits));
    }
    assert_eq!(plain(&[0xff; 1024]), Some("\u{fffd}".repeat(1024)));
}

#[test]
fn what_the_receiver_knows_is_redacted_however_it_repeats_it() {
    let webhook = webhook();
    let secret = webhook.key_ring.current().unwrap().expose_shared().unwrap();
    let pair = data_encoding::BASE64.encode(format!("acme:{PASSWORD}").as_bytes());
    let json = |text: &str| serde_json::to_string(text).unwrap().replace('/', "\\/");
    let hex = |text: &str| data_encoding::HEXUPPER.encode(text.as_bytes());
    let url = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    let html = |text: &str| {
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&#x3E;");
        text.replace('+', "&#43;")
    };
    let units = |text: &str| {
        text.bytes()
            .map(|byte| format!("\\u{:04X}", byte))
            .collect::<String>()
    };
    let of_custom_headers = [ROUTE, TOKEN, "YWRtaW46aDo0bnRlcjI=", "h:4nter2"];
    let others = [PASSWORD, API_KEY, secret, &pair, SIGNATURE, "FEDCBA9876543210"];
    for known in others.into_iter().chain(of_custom_headers) {
        for said in [
            known.to_owned(),
            json(known),
            json(&json(known)),
            html(known),
            html(&json(known)),
            url(known),
            units(known),
            known.to_ascii_uppercase(),
        ] {
            let body = format!("wrong: {said}; try again");
            let shown = shown(&webhook, body.as_bytes()).unwrap();
            let rest = shown.replacen("[redacted]", "", 1);
            let is_whole = rest.starts_with("wrong: ") && rest.ends_with("; try again");
            // Quotes and padding are left.
            assert!(is_whole && rest != shown && rest.len() <= 32, "{body}: {shown}");
        }
    }
    for known in [PASSWORD, API_KEY, secret, ROUTE, TOKEN, "h:4nter2"] {
        for before in ["", "a", "ab", "Bearer "] {
            let encoded = data_encoding::BASE64URL.encode(format!("{before}{known}, and more").as_bytes());
            assert!(
                shown(&webhook, encoded.as_bytes())
                    .unwrap()
                    .contains("[redacted]"),
                "{encoded}"
            );
        }
        assert_eq!(
            shown(&webhook, hex(known).as_bytes()).as_deref(),
            Some("[redacted]")
        );
    }
    let without_prefix = secret.strip_prefix("whsec_").unwrap();
    assert_eq!(
        shown(&webhook, without_prefix.as_bytes()).as_deref(),
        Some("[redacted]")
    );
    let twice = format!("{API_KEY}{API_KEY} {API_KEY}");
    assert_eq!(
        shown(&webhook, twice.as_bytes()).as_deref(),
        Some("[redacted] [redacted]")
    );
}

#[test]
fn what_a_receiver_encodes_whole_is_redacted_too() {
    let pair = BASE64_NOPAD.encode(format!("acme:{PASSWORD}").as_bytes());
    let repeated = format!("authorization: Basic {pair}\nwebhook-signature: v1,{SIGNATURE}\n");
    for place in 0..3 {
        let repeated = format!("{}{repeated}", ".".repeat(place));
        for encoded in [
            BASE64_NOPAD.encode(repeated.as_bytes()),
            HEXLOWER.encode(repeated.as_bytes()),
        ] {
            let shown = plain(encoded.as_bytes()).unwrap();
            assert_eq!(shown.matches(REDACTED).count(), 2, "{shown}");
        }
    }
}

#[test]
fn the_beginning_of_a_secret_at_the_cut_is_redacted() {
    let body = format!("{}{API_KEY}", ".".repeat(1024 - 8));
    let expected = format!("{}[redacted]", ".".repeat(1024 - 8));
    assert_eq!(plain(body.as_bytes()), Some(expected[..1024].to_owned()));
    assert_eq!(
        plain(&API_KEY.as_bytes()[..8]).as_deref(),
        Some(&API_KEY[..8]),
        "that is all that the receiver said"
    );
}
