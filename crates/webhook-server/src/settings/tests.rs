use std::ffi::OsString;

use tempfile::TempDir;

use super::*;

/// The three places that say something, and a directory with a settings file in it.
#[derive(Default)]
struct Said<'a> {
    file: Option<&'a str>,
    environment: &'a [(&'a str, &'a str)],
    flags: &'a [(Setting, &'a str)],
}

impl Said<'_> {
    fn load(&self) -> Result<Settings, Failure> {
        let directory = TempDir::new().unwrap();
        if let Some(text) = self.file {
            std::fs::write(directory.path().join("webhook.toml"), text).unwrap();
        }
        let variable = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
        let sources = Sources {
            flags: self
                .flags
                .iter()
                .map(|(setting, text)| (*setting, (*text).to_owned()))
                .collect(),
            config: None,
            directory: directory.path().to_owned(),
            variables: self.environment.iter().map(variable).collect::<Vec<_>>(),
        };
        Settings::load(sources).map(|(settings, _)| settings)
    }

    fn refusal(&self) -> String {
        let failure = self.load().err().unwrap();
        assert_eq!(failure.status(), 2);
        failure.message().to_owned()
    }
}

#[test]
fn nothing_needs_to_be_said() {
    let settings = Said::default().load().unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        settings.database_file().unwrap(),
        Path::new("webhook-data/webhook.db")
    );
    assert!(matches!(settings.master_key, MasterKeySource::BesideDatabase));
    assert_eq!(settings.environment, Environment::Test);
    assert_eq!(settings.target_policy, TargetPolicy::default());
    assert_eq!(settings.retry_schedule, RetrySchedule::default());
    assert_eq!(settings.event_retention, Duration::from_secs(30 * 86_400));
    assert_eq!(settings.previous_secret_ttl, Overlap::DAY);
    assert_eq!(settings.requests_per_second, NonZeroU32::new(50_000));
    assert_eq!(settings.failed_authentications_per_second, NonZeroU32::new(50));
    assert_eq!(settings.tokens, None);
}

#[test]
fn a_flag_outdoes_the_environment_which_outdoes_the_file() {
    let file = Some("listen = \"127.0.0.1:1\"");
    let environment = &[("WEBHOOK_LISTEN", "127.0.0.1:2")];
    let flags = &[(Setting::Listen, "127.0.0.1:3")];
    let port = |said: Said<'_>| said.load().unwrap().listen.port();
    assert_eq!(
        port(Said {
            file,
            ..Said::default()
        }),
        1
    );
    assert_eq!(
        port(Said {
            file,
            environment,
            ..Said::default()
        }),
        2
    );
    assert_eq!(
        port(Said {
            file,
            environment,
            flags
        }),
        3
    );
}

#[test]
fn a_wrong_value_is_refused_by_its_name_in_the_place_it_stands() {
    let flags = &[(Setting::AllowHttp, "yes")];
    let refusal = Said {
        flags,
        ..Said::default()
    }
    .refusal();
    assert_eq!(refusal, "--allow-http (flag) must be true or false");

    let environment = &[("WEBHOOK_PREVIOUS_SECRET_TTL", "604801")];
    let refusal = Said {
        environment,
        ..Said::default()
    }
    .refusal();
    assert!(
        refusal.starts_with("WEBHOOK_PREVIOUS_SECRET_TTL (environment) must be"),
        "{refusal}"
    );

    let refusal = Said {
        file: Some("environment = \"PROD\""),
        ..Said::default()
    }
    .refusal();
    assert!(refusal.starts_with("environment (in /"), "{refusal}");
    assert!(
        refusal.ends_with("webhook.toml) must be TEST or LIVE"),
        "{refusal}"
    );
}

#[test]
fn each_rate_is_set_by_its_own_name() {
    let said = Said {
        environment: &[("WEBHOOK_REQUESTS_PER_SECOND", "7")],
        flags: &[(Setting::FailedAuthenticationsPerSecond, "0")],
        ..Said::default()
    };
    let settings = said.load().unwrap();
    assert_eq!(settings.requests_per_second, NonZeroU32::new(7));
    assert_eq!(settings.failed_authentications_per_second, None);
    for name in [
        "WEBHOOK_REQUESTS_PER_SECOND",
        "WEBHOOK_FAILED_AUTHENTICATIONS_PER_SECOND",
    ] {
        let refusal = Said {
            environment: &[(name, "-1")],
            ..Said::default()
        }
        .refusal();
        assert!(
            refusal.starts_with(&format!("{name} (environment) must be a whole number")),
            "{refusal}"
        );
    }
}

#[test]
fn a_wrong_value_that_is_outdone_does_not_matter() {
    let environment = &[("WEBHOOK_LISTEN", "127.0.0.1:2")];
    let said = Said {
        file: Some("listen = \"x\""),
        environment,
        ..Said::default()
    };
    assert!(said.load().is_ok());
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    for environment in [
        [("WEBHOOK_MASTER_KEY", "hunter2")],
        [("WEBHOOK_DATABASE_URL", "mysql://root:hunter2@db/x")],
        [("WEBHOOK_LOG", "hunter2")],
    ] {
        let refusal = Said {
            environment: &environment,
            ..Said::default()
        }
        .refusal();
        assert!(refusal.starts_with(environment[0].0), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[test]
fn a_master_key_is_given_in_one_way() {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let both = Said {
        file: Some("master_key_file = \"/run/key\""),
        environment: &[("WEBHOOK_MASTER_KEY", key)],
        flags: &[],
    };
    let refusal = both.refusal();
    assert!(refusal.contains("WEBHOOK_MASTER_KEY (environment)"), "{refusal}");
    assert!(refusal.contains("master_key_file (in "), "{refusal}");
    assert!(!refusal.contains(key));
}

#[test]
fn the_settings_of_bearer_tokens_go_together_wherever_they_stand() {
    let said = Said {
        file: Some("jwt_issuer = \"https://id.example\""),
        environment: &[("WEBHOOK_JWT_AUDIENCE", "webhooks")],
        flags: &[(Setting::JwtKeysFile, "keys.json")],
    };
    let tokens = said.load().unwrap().tokens.unwrap();
    assert_eq!(tokens.trust.issuer, "https://id.example");
    assert_eq!(tokens.trust.audience, "webhooks");
    assert_eq!(tokens.keys_file, Path::new("keys.json"));

    let without_keys = Said { flags: &[], ..said };
    let refusal = without_keys.refusal();
    assert!(
        refusal.starts_with("WEBHOOK_JWT_KEYS_FILE must be set too"),
        "{refusal}"
    );
    let issuer_alone = Said {
        environment: &[],
        ..without_keys
    };
    let refusal = issuer_alone.refusal();
    let missing = "WEBHOOK_JWT_AUDIENCE and WEBHOOK_JWT_KEYS_FILE must be set too";
    assert!(refusal.starts_with(missing), "{refusal}");
    let empty = Said {
        environment: &[("WEBHOOK_JWT_ISSUER", "")],
        ..Said::default()
    };
    assert_eq!(
        empty.refusal(),
        "WEBHOOK_JWT_ISSUER (environment) must not be empty"
    );
}

#[test]
fn a_settings_file_that_is_named_must_be_there() {
    let sources = Sources {
        flags: Vec::new(),
        config: Some("/nonexistent/webhook.toml".into()),
        directory: PathBuf::new(),
        variables: [],
    };
    let failure = Settings::load(sources).err().unwrap();
    assert_eq!(failure.status(), 2);
    assert!(failure.message().contains("/nonexistent/webhook.toml"));
}

#[test]
fn the_password_of_a_proxy_is_no_argument_and_never_repeated() {
    let proxy = "http://user:hunter2@proxy.example:3128";
    let given = Said {
        environment: &[
            ("WEBHOOK_EGRESS_PROXY", proxy),
            ("WEBHOOK_PROXY_RESOLVES", "true"),
        ],
        ..Said::default()
    };
    let settings = given.load().unwrap();
    assert_eq!(
        settings.egress_proxy.unwrap().to_string(),
        "http://proxy.example:3128"
    );
    for (flags, environment) in [
        (&[(Setting::EgressProxy, proxy)][..], &[][..]),
        (
            &[],
            &[("WEBHOOK_EGRESS_PROXY", "https://user:hunter2@proxy.example")],
        ),
    ] {
        let refusal = Said {
            flags,
            environment,
            ..Said::default()
        }
        .refusal();
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
    let without = [(Setting::EgressProxy, "socks5://proxy.example")];
    let settings = Said {
        flags: &without,
        ..Said::default()
    };
    assert!(settings.load().is_ok());
}
