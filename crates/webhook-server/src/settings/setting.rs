//! The settings by name, and what each is called in the file, in the environment and among the flags.

use webhook_domain::access::quota::Counted;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setting {
    /// The address and port to listen on.
    Listen,
    /// How many connections may wait to be accepted.
    ListenBacklog,
    /// The address and port for metrics, if any.
    MetricsListen,
    /// Whether the API's address has the metrics too.
    MetricsOnApi,
    /// Networks of reverse proxies that are believed when they say whose request it is.
    TrustedProxies,
    /// Whether the console is served.
    Console,
    /// Where browsers find the service.
    PublicUrl,
    /// The database.
    DatabaseUrl,
    /// The master key itself.
    MasterKey,
    /// The file that holds the master key.
    MasterKeyFile,
    /// Whether deliveries call themselves `TEST` or `LIVE`.
    Environment,
    /// Whether a webhook's target may be plain `http`.
    AllowHttp,
    /// Networks that may be delivered to although they are not public.
    AllowedNetworks,
    /// Networks that are never delivered to, whatever is allowed.
    DeniedNetworks,
    /// The proxy that deliveries go through.
    EgressProxy,
    /// Whether that proxy is asked for names instead of addresses.
    ProxyResolves,
    /// How long an attempt to deliver may take.
    AttemptTimeout,
    /// The file with certificates that are trusted beside the machine's own.
    ReceiversCaFile,
    /// The file with the certificate by which the service proves itself to receivers.
    ClientCertificateFile,
    /// The file with its key.
    ClientKeyFile,
    /// How many times faster than usual what has failed is sent again.
    RetrySpeed,
    /// How long events are kept once they are delivered.
    EventRetention,
    /// How long a rolled key goes on signing unless the roll says otherwise.
    PreviousSecretTtl,
    /// After how many days a key is due for a roll unless its webhook says otherwise.
    SecretRotationDays,
    /// Requests per second of one credential.
    RequestsPerSecond,
    /// Requests per second without a valid credential from one client address.
    FailedAuthenticationsPerSecond,
    /// How many webhooks a platform may have.
    WebhooksPerPlatform,
    /// How many API keys in force a platform may have.
    ApiKeysPerPlatform,
    /// How many events of a platform may wait for webhooks.
    PendingEventsPerPlatform,
    /// Whose bearer tokens are believed: their `iss`.
    JwtIssuer,
    /// Whom bearer tokens must be meant for: their `aud`.
    JwtAudience,
    /// The file that holds the issuer's public keys.
    JwtKeysFile,
    /// The file with the actions there are.
    ActionsFile,
    /// The file with the certificate that the API shows over TLS.
    TlsCertificateFile,
    /// The file with its key.
    TlsKeyFile,
    /// How long a stop may take.
    StopTimeout,
    /// How long a start waits for a database that is not up yet.
    WaitForDatabase,
    /// What is logged.
    Log,
    /// Which requests are logged.
    AccessLog,
}

/// What a setting's value is in the settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Integer,
    ListOfTexts,
}

impl Setting {
    pub(crate) const ALL: [Self; 39] = [
        Self::Listen,
        Self::ListenBacklog,
        Self::MetricsListen,
        Self::MetricsOnApi,
        Self::TrustedProxies,
        Self::Console,
        Self::PublicUrl,
        Self::DatabaseUrl,
        Self::MasterKey,
        Self::MasterKeyFile,
        Self::Environment,
        Self::AllowHttp,
        Self::AllowedNetworks,
        Self::DeniedNetworks,
        Self::EgressProxy,
        Self::ProxyResolves,
        Self::AttemptTimeout,
        Self::ReceiversCaFile,
        Self::ClientCertificateFile,
        Self::ClientKeyFile,
        Self::RetrySpeed,
        Self::EventRetention,
        Self::PreviousSecretTtl,
        Self::SecretRotationDays,
        Self::RequestsPerSecond,
        Self::FailedAuthenticationsPerSecond,
        Self::WebhooksPerPlatform,
        Self::ApiKeysPerPlatform,
        Self::PendingEventsPerPlatform,
        Self::JwtIssuer,
        Self::JwtAudience,
        Self::JwtKeysFile,
        Self::ActionsFile,
        Self::TlsCertificateFile,
        Self::TlsKeyFile,
        Self::StopTimeout,
        Self::WaitForDatabase,
        Self::Log,
        Self::AccessLog,
    ];

    /// The name in the settings file.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::ListenBacklog => "listen_backlog",
            Self::MetricsListen => "metrics_listen",
            Self::MetricsOnApi => "metrics_on_api",
            Self::TrustedProxies => "trusted_proxies",
            Self::Console => "console",
            Self::PublicUrl => "public_url",
            Self::DatabaseUrl => "database_url",
            Self::MasterKey => "master_key",
            Self::MasterKeyFile => "master_key_file",
            Self::Environment => "environment",
            Self::AllowHttp => "allow_http",
            Self::AllowedNetworks => "allowed_networks",
            Self::DeniedNetworks => "denied_networks",
            Self::EgressProxy => "egress_proxy",
            Self::ProxyResolves => "proxy_resolves",
            Self::AttemptTimeout => "attempt_timeout",
            Self::ReceiversCaFile => "receivers_ca_file",
            Self::ClientCertificateFile => "client_certificate_file",
            Self::ClientKeyFile => "client_key_file",
            Self::RetrySpeed => "retry_speed",
            Self::EventRetention => "event_retention",
            Self::PreviousSecretTtl => "previous_secret_ttl",
            Self::SecretRotationDays => "secret_rotation_days",
            Self::RequestsPerSecond => "requests_per_second",
            Self::FailedAuthenticationsPerSecond => "failed_authentications_per_second",
            Self::WebhooksPerPlatform => Counted::Webhooks.setting(),
            Self::ApiKeysPerPlatform => Counted::ApiKeys.setting(),
            Self::PendingEventsPerPlatform => Counted::PendingEvents.setting(),
            Self::JwtIssuer => "jwt_issuer",
            Self::JwtAudience => "jwt_audience",
            Self::JwtKeysFile => "jwt_keys_file",
            Self::ActionsFile => "actions_file",
            Self::TlsCertificateFile => "tls_certificate_file",
            Self::TlsKeyFile => "tls_key_file",
            Self::StopTimeout => "stop_timeout",
            Self::WaitForDatabase => "wait_for_database",
            Self::Log => "log",
            Self::AccessLog => "access_log",
        }
    }

    /// The name in the environment.
    pub(super) fn variable(self) -> String {
        format!("WEBHOOK_{}", self.key().to_ascii_uppercase())
    }

    /// The name on the command line. The master key itself has none to be given by: arguments are public.
    pub(crate) fn flag(self) -> String {
        let of = match self {
            // Without this word it is what `webhook update` sets.
            Self::SecretRotationDays => "default-",
            _ => "",
        };
        format!("--{of}{}", self.key().replace('_', "-"))
    }

    /// What holds when nobody says anything, as one would write it in the environment.
    pub(super) const fn default_text(self) -> Option<&'static str> {
        match self {
            Self::Listen => Some("127.0.0.1:8080"),
            Self::ListenBacklog => Some("1024"),
            Self::MetricsListen => Some("127.0.0.1:9464"),
            Self::Console => Some("true"),
            Self::PublicUrl => None,
            Self::DatabaseUrl => Some("sqlite://webhook-data/webhook.db"),
            Self::MasterKey | Self::MasterKeyFile => None,
            Self::Environment => Some("TEST"),
            Self::AllowHttp | Self::ProxyResolves | Self::MetricsOnApi => Some("false"),
            Self::AllowedNetworks | Self::DeniedNetworks | Self::TrustedProxies => Some(""),
            Self::AttemptTimeout => Some("10"),
            Self::EgressProxy | Self::ReceiversCaFile | Self::ClientCertificateFile | Self::ClientKeyFile => {
                None
            }
            Self::RetrySpeed => Some("1"),
            Self::EventRetention => Some("30"),
            Self::PreviousSecretTtl => Some("86400"),
            Self::RequestsPerSecond => Some("50000"),
            Self::FailedAuthenticationsPerSecond => Some("50"),
            Self::SecretRotationDays
            | Self::WebhooksPerPlatform
            | Self::ApiKeysPerPlatform
            | Self::PendingEventsPerPlatform => Some("0"),
            Self::JwtIssuer | Self::JwtAudience | Self::JwtKeysFile | Self::ActionsFile => None,
            Self::TlsCertificateFile | Self::TlsKeyFile => None,
            Self::StopTimeout => Some("8"),
            Self::WaitForDatabase => Some("0"),
            Self::Log => Some("info"),
            Self::AccessLog => Some("changes"),
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::AllowHttp | Self::ProxyResolves | Self::MetricsOnApi | Self::Console => Kind::Boolean,
            Self::ListenBacklog
            | Self::AttemptTimeout
            | Self::RetrySpeed
            | Self::EventRetention
            | Self::PreviousSecretTtl
            | Self::SecretRotationDays
            | Self::RequestsPerSecond
            | Self::FailedAuthenticationsPerSecond
            | Self::WebhooksPerPlatform
            | Self::ApiKeysPerPlatform
            | Self::PendingEventsPerPlatform
            | Self::StopTimeout
            | Self::WaitForDatabase => Kind::Integer,
            Self::AllowedNetworks | Self::DeniedNetworks | Self::TrustedProxies => Kind::ListOfTexts,
            _ => Kind::Text,
        }
    }
}
