//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::api_key::ApiKeyCommand;
use crate::commands::audit::AuditCommand;
use crate::commands::backup::BackupArguments;
use crate::commands::deliveries::DeliveriesCommand;
use crate::commands::demo::DemoArguments;
use crate::commands::doctor::DoctorArguments;
use crate::commands::event::EventCommand;
use crate::commands::leak::LeakCommand;
use crate::commands::rekey::RekeyArguments;
use crate::commands::restore::RestoreArguments;
use crate::commands::rotation::RotationCommand;
use crate::commands::verify::VerifyArguments;
use crate::commands::webhook::WebhookCommand;
use crate::exit::Failure;
use crate::settings::{Setting, Sources};

/// A self-hosted webhook service. Without a command it serves. No settings are needed.
///
/// Settings, highest precedence first: flags, WEBHOOK_* environment variables, webhook.toml in the working directory
/// (or --config FILE). The master key has no flag, because every user of the machine can see arguments: put it into
/// WEBHOOK_MASTER_KEY, or into a file.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
    /// Answer with the JSON of the API, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Serve the API until SIGTERM or SIGINT
    Serve,
    /// Create the database's schema, or migrate it
    Migrate,
    /// Create, list and revoke API keys
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Create webhooks, read, change and delete them, roll their secrets
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Publish events; list, show, resend, replay and give up deliveries
    #[command(subcommand)]
    Event(EventCommand),
    /// Replace the master key while servers run; continues an interrupted run
    Rekey(RekeyArguments),
    /// Read audit records, and verify that none was changed or removed
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Roll the secrets of many webhooks, one after the other; list, follow and stop such rotations
    #[command(subcommand)]
    Rotation(RotationCommand),
    /// Find out about signing keys that may have leaked, and end them
    #[command(subcommand)]
    Leak(LeakCommand),
    /// Copy an SQLite database into a file beside a running server, and verify the copy
    Backup(BackupArguments),
    /// Restore a backup with deliveries paused, and report what differs
    Restore(RestoreArguments),
    /// Shrink an SQLite database file; no server may run
    Compact,
    /// Pause and resume all deliveries
    #[command(subcommand)]
    Deliveries(DeliveriesCommand),
    /// Find out what is wrong with a deployment, and what to do about it; changes nothing
    ///
    /// It checks settings, files, the database, the machine, and with --url or --webhook the connection to a receiver. It works
    /// beside a running server and without one, also if the database is unreachable. Each check is OK, WARN or FAIL, and has a time
    /// limit. The exit status is 0 if no check is FAIL, 2 if a setting is wrong or the settings cannot be read, and 1 otherwise.
    /// Run it as the user of the service, with the settings of the service.
    ///
    /// Example: `webhook-server doctor --url https://example.com/webhooks`
    Doctor(DoctorArguments),
    /// Check the signatures of a delivery that was received, and say why they do not verify
    Verify(VerifyArguments),
    /// Show a roll under load with a throwaway server: publish, roll, kill -9, restart, and count what was lost
    Demo(DemoArguments),
    /// Print the OpenAPI document of the API, as `/openapi.json` has it
    Openapi,
    /// Print a shell's completions: `webhook-server completions bash > /etc/bash_completion.d/webhook-server`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The settings that have a flag.
#[derive(Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingFlags {
    /// The settings file, which must exist [default: webhook.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// How many connections may wait to be accepted, 1 to 65535 [default: 1024]
    #[arg(long, global = true, value_name = "NUMBER")]
    listen_backlog: Option<String>,
    /// Address and port for metrics, empty for none; port 0 takes a free one [default: 127.0.0.1:9464]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<String>,
    /// Whether the API's address has the metrics too, for everybody who reaches it: true or false [default: false]
    #[arg(long, global = true, value_name = "BOOLEAN")]
    metrics_on_api: Option<String>,
    /// Comma-separated networks of reverse proxies whose X-Forwarded-For and Forwarded headers are trusted
    #[arg(long, global = true, value_name = "CIDR,…")]
    trusted_proxies: Option<String>,
    /// Whether the console is served under /console/: true or false [default: true]
    #[arg(long, global = true, value_name = "BOOLEAN")]
    console: Option<String>,
    /// Where browsers find the service, such as `https://webhooks.example.com`; for the console behind a proxy
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// The database: sqlite://PATH or postgres://…; put a URL with a password into the environment or the settings file [default: sqlite://webhook-data/webhook.db]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// File that holds the master key, base64 of 32 bytes [default: master.key beside an SQLite database]
    #[arg(long, global = true, value_name = "FILE")]
    master_key_file: Option<String>,
    /// The `environment` in deliveries: TEST or LIVE [default: TEST]
    #[arg(long, global = true, value_name = "NAME")]
    environment: Option<String>,
    /// Whether the url of a webhook may be plain http: true or false [default: false]
    #[arg(long, global = true, value_name = "BOOLEAN", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_http: Option<String>,
    /// Comma-separated networks that deliveries may reach although they are not public
    #[arg(long, global = true, value_name = "CIDR,…")]
    allowed_networks: Option<String>,
    /// Comma-separated networks that deliveries never reach, even if allowed
    #[arg(long, global = true, value_name = "CIDR,…")]
    denied_networks: Option<String>,
    /// A proxy for deliveries: http://host:port (CONNECT) or socks5://host:port; put one with a password into the environment or the settings file
    #[arg(long, global = true, value_name = "URL")]
    egress_proxy: Option<String>,
    /// Whether that proxy gets host names, and must refuse private addresses itself: true or false [default: false]
    #[arg(long, global = true, value_name = "BOOLEAN")]
    proxy_resolves: Option<String>,
    /// Seconds that an attempt to deliver may take, 1 to 60 [default: 10]
    #[arg(long, global = true, value_name = "SECONDS")]
    attempt_timeout: Option<String>,
    /// CA certificates (PEM) that are trusted for receivers, in addition to the machine's
    #[arg(long, global = true, value_name = "FILE")]
    receivers_ca_file: Option<String>,
    /// Client certificate (PEM, its issuers behind it) for receivers that require mutual TLS
    #[arg(long, global = true, value_name = "FILE")]
    client_certificate_file: Option<String>,
    /// The key (PEM) of that certificate
    #[arg(long, global = true, value_name = "FILE")]
    client_key_file: Option<String>,
    /// Divide all retry waits by this number, 1 to 12000; for tests [default: 1]
    #[arg(long, global = true, value_name = "NUMBER")]
    retry_speed: Option<String>,
    /// Days that an event is kept after it was published, 1 to 3650; one with a pending delivery is kept longer [default: 30]
    #[arg(long, global = true, value_name = "DAYS")]
    event_retention: Option<String>,
    /// Overlap of a roll: seconds that the previous key goes on signing, 0 to 604800 [default: 86400]
    #[arg(long, global = true, value_name = "SECONDS")]
    previous_secret_ttl: Option<String>,
    /// Days after which a secret is due for a roll unless its webhook says otherwise, 1 to 730; 0 for never [default: 0]
    #[arg(long, global = true, value_name = "DAYS")]
    default_secret_rotation_days: Option<String>,
    /// Requests per second that one credential may make, 0 for no limit [default: 50000]
    #[arg(long, global = true, value_name = "NUMBER")]
    requests_per_second: Option<String>,
    /// Requests per second without a valid credential that one client address may make, 0 for no limit [default: 50]
    #[arg(long, global = true, value_name = "NUMBER")]
    failed_authentications_per_second: Option<String>,
    /// How many webhooks a platform may have, up to 1000000; 0 is no limit [default: 0]
    #[arg(long, global = true, value_name = "NUMBER")]
    webhooks_per_platform: Option<String>,
    /// How many API keys a platform may have that are neither revoked nor expired, up to 10000; 0 is no limit [default: 0]
    #[arg(long, global = true, value_name = "NUMBER")]
    api_keys_per_platform: Option<String>,
    /// How many pending deliveries a platform may have, up to 1000000; 0 is no limit [default: 0]
    #[arg(long, global = true, value_name = "NUMBER")]
    pending_events_per_platform: Option<String>,
    /// Issuer (iss) of the JWTs that are accepted; set --jwt-issuer, --jwt-audience and --jwt-keys-file together
    #[arg(long, global = true, value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// Audience (aud) that accepted JWTs must have
    #[arg(long, global = true, value_name = "TEXT")]
    jwt_audience: Option<String>,
    /// The issuer's public keys, a JWK Set; read again when the file changes, and on SIGHUP
    #[arg(long, global = true, value_name = "FILE")]
    jwt_keys_file: Option<String>,
    /// The actions (event types) that may be published, one per line; read again on SIGHUP [default: a built-in list]
    #[arg(long, global = true, value_name = "FILE")]
    actions_file: Option<String>,
    /// The certificate (PEM, its issuers behind it) for TLS on the API's address; read again when the file changes, and on SIGHUP
    #[arg(long, global = true, value_name = "FILE")]
    tls_certificate_file: Option<String>,
    /// The key (PEM) of that certificate
    #[arg(long, global = true, value_name = "FILE")]
    tls_key_file: Option<String>,
    /// Seconds that a stop may take, 2 to 600: requests and deliveries in progress are finished, then aborted [default: 8]
    #[arg(long, global = true, value_name = "SECONDS")]
    stop_timeout: Option<String>,
    /// Seconds that a start waits for PostgreSQL, 0 to 3600 [default: 0]
    #[arg(long, global = true, value_name = "SECONDS")]
    wait_for_database: Option<String>,
    /// What to log: a level, and exceptions such as info,webhook_store_diesel=debug [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Which requests to log: changes (what changes something, and responses of 400 or more; publications as sums), errors (responses of 400
    /// or more) or all [default: changes]
    #[arg(long, global = true, value_name = "WHICH")]
    access_log: Option<String>,
}

impl SettingFlags {
    /// These flags and the process's surroundings as sources of settings.
    pub(crate) fn into_sources(self) -> Result<Sources<std::env::VarsOs>, Failure> {
        let directory = std::env::current_dir()
            .map_err(|error| Failure::cannot("find out the working directory", &error))?;
        let flags = [
            (Setting::Listen, self.listen),
            (Setting::ListenBacklog, self.listen_backlog),
            (Setting::MetricsListen, self.metrics_listen),
            (Setting::MetricsOnApi, self.metrics_on_api),
            (Setting::TrustedProxies, self.trusted_proxies),
            (Setting::Console, self.console),
            (Setting::PublicUrl, self.public_url),
            (Setting::DatabaseUrl, self.database_url),
            (Setting::MasterKeyFile, self.master_key_file),
            (Setting::Environment, self.environment),
            (Setting::AllowHttp, self.allow_http),
            (Setting::AllowedNetworks, self.allowed_networks),
            (Setting::DeniedNetworks, self.denied_networks),
            (Setting::EgressProxy, self.egress_proxy),
            (Setting::ProxyResolves, self.proxy_resolves),
            (Setting::AttemptTimeout, self.attempt_timeout),
            (Setting::ReceiversCaFile, self.receivers_ca_file),
            (Setting::ClientCertificateFile, self.client_certificate_file),
            (Setting::ClientKeyFile, self.client_key_file),
            (Setting::RetrySpeed, self.retry_speed),
            (Setting::EventRetention, self.event_retention),
            (Setting::PreviousSecretTtl, self.previous_secret_ttl),
            (Setting::SecretRotationDays, self.default_secret_rotation_days),
            (Setting::RequestsPerSecond, self.requests_per_second),
            (
                Setting::FailedAuthenticationsPerSecond,
                self.failed_authentications_per_second,
            ),
            (Setting::WebhooksPerPlatform, self.webhooks_per_platform),
            (Setting::ApiKeysPerPlatform, self.api_keys_per_platform),
            (
                Setting::PendingEventsPerPlatform,
                self.pending_events_per_platform,
            ),
            (Setting::JwtIssuer, self.jwt_issuer),
            (Setting::JwtAudience, self.jwt_audience),
            (Setting::JwtKeysFile, self.jwt_keys_file),
            (Setting::ActionsFile, self.actions_file),
            (Setting::TlsCertificateFile, self.tls_certificate_file),
            (Setting::TlsKeyFile, self.tls_key_file),
            (Setting::StopTimeout, self.stop_timeout),
            (Setting::WaitForDatabase, self.wait_for_database),
            (Setting::Log, self.log),
            (Setting::AccessLog, self.access_log),
        ];
        Ok(Sources {
            flags: flags
                .into_iter()
                .filter_map(|(setting, text)| Some((setting, text?)))
                .collect(),
            config: self.config,
            directory,
            variables: std::env::vars_os(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves_and_flags_stand_before_or_after_one() {
        let cli = Cli::try_parse_from(["webhook-server", "--listen", "127.0.0.1:0"]).unwrap();
        assert!(cli.command.is_none());
        for arguments in [["--log", "debug", "serve"], ["serve", "--log", "debug"]] {
            let cli = Cli::try_parse_from(["webhook-server"].into_iter().chain(arguments)).unwrap();
            assert_eq!(cli.settings.log.as_deref(), Some("debug"));
        }
    }

    #[test]
    fn several_permissions_can_be_given_in_any_of_the_usual_ways() {
        let create = ["webhook-server", "api-key", "create", "--platform", "acme"];
        for permissions in [
            &["--permission", "WEBHOOK.VIEW", "WEBHOOK.UPDATE"][..],
            &["--permission", "WEBHOOK.VIEW,WEBHOOK.UPDATE"],
            &["--permission", "WEBHOOK.VIEW", "--permission", "WEBHOOK.UPDATE"],
        ] {
            assert!(
                Cli::try_parse_from(create.iter().chain(permissions)).is_ok(),
                "{permissions:?}"
            );
        }
        assert!(Cli::try_parse_from(create).is_err(), "a key that may do nothing");
    }

    #[test]
    fn every_setting_but_the_master_key_is_a_flag() {
        for setting in Setting::ALL {
            let flag = format!("{}=x", setting.flag());
            let parsed = Cli::try_parse_from(["webhook-server", &flag]);
            assert_eq!(parsed.is_ok(), setting != Setting::MasterKey, "{flag}");
            let sources = parsed
                .ok()
                .map(|cli| cli.settings.into_sources().unwrap_or_else(|_| unreachable!()));
            let given = sources.map(|sources| sources.flags);
            assert_eq!(
                given.unwrap_or(vec![(setting, "x".into())]),
                [(setting, "x".to_owned())]
            );
        }
    }

    #[test]
    fn the_master_key_cannot_be_an_argument() {
        assert!(Cli::try_parse_from(["webhook-server", "--master-key", "x"]).is_err());
    }
}
