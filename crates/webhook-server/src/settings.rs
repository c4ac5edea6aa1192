//! What the operator can set, and where: defaults < settings file < environment < flags (contract §7).
//!
//! Every layer gives texts; the uppermost text of a setting is read once, by the setting's own rule. A wrong
//! one stops the start with a message that names the setting and the layer and never repeats the value.

mod console;
mod environment;
mod examine;
mod file;
mod layers;
mod metrics;
mod nearest;
mod setting;
mod tokens;
mod value;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use webhook_domain::access::quota::{Counted, Quotas};
use webhook_domain::delivery::address::{AllowedNetworks, Network};
use webhook_domain::delivery::event::Environment;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::webhook::{RotationDays, TargetPolicy};
use webhook_sender_hyper::EgressProxy;
use webhook_store_diesel::DatabaseUrl;

pub(crate) use console::ConsoleSettings;
pub(crate) use examine::Examined;
pub(crate) use metrics::MetricsSettings;
pub(crate) use setting::Setting;

use self::layers::{Layer, Layers, Wrong};
use crate::exit::Failure;
use crate::files::bearer_tokens::TokenSettings;
use crate::files::master_key::MasterKeySource;
use crate::logging::access::Accesses;

/// The settings, each with a value that is right in itself.
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How many connections may wait to be accepted.
    pub(crate) listen_backlog: i32,
    /// Where the metrics are read.
    pub(crate) metrics: MetricsSettings,
    /// The networks of reverse proxies that are believed when they say whose request it is.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Whether the console is served, and where.
    pub(crate) console: ConsoleSettings,
    /// The database.
    pub(crate) database_url: DatabaseUrl,
    /// Where the master key is to be had.
    pub(crate) master_key: MasterKeySource,
    /// What deliveries call this deployment.
    pub(crate) environment: Environment,
    /// Where deliveries may go.
    pub(crate) target_policy: TargetPolicy,
    /// The proxy that deliveries go through, if any.
    pub(crate) egress_proxy: Option<EgressProxy>,
    /// How long an attempt may take.
    pub(crate) attempt_timeout: Duration,
    /// The file with certificates that are trusted beside the machine's own.
    pub(crate) receivers_ca_file: Option<PathBuf>,
    /// How the service proves itself to receivers that want a certificate.
    pub(crate) client_identity: Option<CertificateFiles>,
    /// When what has failed is sent again.
    pub(crate) retry_schedule: RetrySchedule,
    /// How long events are kept once they are delivered.
    pub(crate) event_retention: Duration,
    /// How long a rolled key goes on signing unless the roll says otherwise.
    pub(crate) previous_secret_ttl: Overlap,
    /// After how many days a key is due for a roll unless its webhook says otherwise; never, if none.
    pub(crate) secret_rotation_days: Option<RotationDays>,
    /// Requests per second of one credential, unless without limit.
    pub(crate) requests_per_second: Option<NonZeroU32>,
    /// Requests per second without a valid credential from one client address, unless without limit.
    pub(crate) failed_authentications_per_second: Option<NonZeroU32>,
    /// How much each platform may have.
    pub(crate) quotas: Quotas,
    /// Whose bearer tokens are believed, if anybody's.
    pub(crate) tokens: Option<TokenSettings>,
    /// The file with the actions there are, if not those that ship.
    pub(crate) actions_file: Option<PathBuf>,
    /// What the API shows of itself over TLS, if it speaks TLS.
    pub(crate) certificate: Option<CertificateFiles>,
    /// How long a stop may take.
    pub(crate) stop_timeout: Duration,
    /// How long to wait for a database that is not up yet.
    pub(crate) database_wait: Duration,
    /// Which requests are logged.
    pub(crate) accesses: Accesses,
    /// What is to be said of the settings once the log is there.
    warnings: Vec<Warning>,
}

/// Something about the settings that the operator should know, and that does not stop the start.
enum Warning {
    /// A variable of the environment looks like a setting and is none.
    UnknownVariable(String),
    /// A settings file with a secret in it is open to others than its owner.
    OpenFile {
        path: PathBuf,
        mode: u32,
        holds: &'static str,
    },
}

/// The files with a certificate and its key.
#[derive(Clone)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where settings are looked for.
pub(crate) struct Sources<Variables> {
    /// What the command line says.
    pub(crate) flags: Vec<(Setting, String)>,
    /// The settings file the command line names.
    pub(crate) config: Option<PathBuf>,
    /// The working directory, where the settings file is if none is named.
    pub(crate) directory: PathBuf,
    /// The variables of the environment.
    pub(crate) variables: Variables,
}

impl Settings {
    /// Reads the settings, and what is to be logged, from all `sources`.
    pub(crate) fn load<Variables>(sources: Sources<Variables>) -> Result<(Self, EnvFilter), Failure>
    where
        Variables: IntoIterator<Item = (OsString, OsString)>,
    {
        let read = Read::from(sources)?;
        if let Some(problem) = read.problems.into_iter().next() {
            return Err(Failure::configuration(problem.text));
        }
        let (mut settings, log_filter) = Self::of(&read.given)?;
        settings.warnings = read.warnings;
        Ok((settings, log_filter))
    }

    /// Reads each setting by its own rule.
    fn of(given: &Layers) -> Result<(Self, EnvFilter), Wrong> {
        let settings = Self {
            listen: given.read(Setting::Listen, value::listen)?,
            listen_backlog: given.read(Setting::ListenBacklog, value::listen_backlog)?,
            metrics: given.metrics()?,
            trusted_proxies: given.read(Setting::TrustedProxies, value::networks)?,
            console: given.console()?,
            database_url: given.read(Setting::DatabaseUrl, str::parse)?,
            master_key: given.master_key()?,
            environment: given.read(Setting::Environment, str::parse)?,
            target_policy: TargetPolicy {
                http: given.read(Setting::AllowHttp, value::http_policy)?,
                networks: AllowedNetworks::new(given.read(Setting::AllowedNetworks, value::networks)?)
                    .without(given.read(Setting::DeniedNetworks, value::networks)?),
            },
            egress_proxy: given.egress_proxy()?,
            attempt_timeout: given.read(Setting::AttemptTimeout, value::attempt_timeout)?,
            receivers_ca_file: given.find(Setting::ReceiversCaFile, value::path)?,
            client_identity: given
                .certificate_files(Setting::ClientCertificateFile, Setting::ClientKeyFile)?,
            retry_schedule: given.read(Setting::RetrySpeed, value::retry_schedule)?,
            event_retention: given.read(Setting::EventRetention, value::days)?,
            previous_secret_ttl: given.read(Setting::PreviousSecretTtl, value::previous_secret_ttl)?,
            secret_rotation_days: given.read(Setting::SecretRotationDays, value::secret_rotation_days)?,
            requests_per_second: given.read(Setting::RequestsPerSecond, value::rate)?,
            failed_authentications_per_second: given
                .read(Setting::FailedAuthenticationsPerSecond, value::rate)?,
            quotas: Quotas {
                webhooks: given.read(Setting::WebhooksPerPlatform, value::quota(Counted::Webhooks))?,
                api_keys: given.read(Setting::ApiKeysPerPlatform, value::quota(Counted::ApiKeys))?,
                pending_events: given.read(
                    Setting::PendingEventsPerPlatform,
                    value::quota(Counted::PendingEvents),
                )?,
            },
            tokens: given.tokens()?,
            actions_file: given.find(Setting::ActionsFile, value::path)?,
            certificate: given.certificate_files(Setting::TlsCertificateFile, Setting::TlsKeyFile)?,
            stop_timeout: given.read(Setting::StopTimeout, value::stop_timeout)?,
            database_wait: given.read(Setting::WaitForDatabase, value::wait_for_database)?,
            accesses: given.read(Setting::AccessLog, str::parse)?,
            warnings: Vec::new(),
        };
        let log_filter = given.read(Setting::Log, value::log_filter)?;
        Ok((settings, log_filter))
    }

    /// The database's file, if it is one.
    pub(crate) fn database_file(&self) -> Option<&Path> {
        match &self.database_url {
            DatabaseUrl::Sqlite(path) => Some(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }

    /// Logs what the operator should know of the settings.
    pub(crate) fn warn(&self) {
        for warning in &self.warnings {
            match warning {
                Warning::UnknownVariable(variable) => {
                    let names = Setting::ALL.map(Setting::variable);
                    tracing::warn!(
                        variable,
                        "this variable is no setting{}",
                        nearest::instead_of(variable, &names)
                    );
                }
                Warning::OpenFile { path, mode, holds } => tracing::warn!(
                    file.path = %path.display(),
                    file.mode = format!("{mode:o}"),
                    "the settings file holds {holds} and is open to others than its owner; run `chmod 600` on it"
                ),
            }
        }
    }
}

/// What all sources say together.
struct Read {
    given: Layers,
    warnings: Vec<Warning>,
    /// What is wrong in the settings file, key by key.
    problems: Vec<file::Problem>,
    /// The settings file, if there is one.
    file: Option<PathBuf>,
}

impl Read {
    /// # Errors
    /// When a source cannot be read at all.
    fn from<Variables>(sources: Sources<Variables>) -> Result<Self, Failure>
    where
        Variables: IntoIterator<Item = (OsString, OsString)>,
    {
        let environment = environment::read(sources.variables)?;
        let mut given = Layers::of_defaults();
        let unknown = environment.unknown.into_iter();
        let mut warnings: Vec<_> = unknown.map(Warning::UnknownVariable).collect();
        let file = file::read(sources.config.as_deref(), &sources.directory)?;
        let (mut problems, mut path) = (Vec::new(), None);
        if let Some(file) = file {
            warnings.extend(file.open_to_others());
            given.put(file.values, || Layer::File(file.path.clone()));
            problems = file.problems;
            path = Some(file.path);
        }
        given.put(environment.values, || Layer::Environment);
        given.put(sources.flags, || Layer::Flag);
        Ok(Self {
            given,
            warnings,
            problems,
            file: path,
        })
    }
}

#[cfg(test)]
mod tests;
