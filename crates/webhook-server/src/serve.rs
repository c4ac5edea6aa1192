//! Serving: what happens between the start and the stop, in this order.
//!
//! Start: settings, keys of bearer tokens, master key, store, listening socket, first API key, server. The socket comes before the key
//! so that an address in use stops the start before a key is made, and so that the key can be printed with
//! commands that have the real port; requests that come early wait in the socket's queue.
//!
//! Stop, on SIGTERM or SIGINT: no new connections, requests and deliveries in flight are finished, the store finishes what
//! it has queued, exit 0. All of it together takes no longer than the setting `stop_timeout`, see [`stop_within`]; `signals.rs` says
//! what further signals do.

mod api;
pub(crate) mod bootstrap;
mod console;
pub(crate) mod descriptors;
pub(crate) mod readiness;
pub(crate) mod reload;
pub(crate) mod rotations;
pub(crate) mod service_manager;
pub(crate) mod upkeep;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::rt;
use webhook_domain::delivery::event::Environment;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::ports::TokenVerifier;
use webhook_domain::services::{Authenticator, Dispatch, OwnChecks, ProbePlaces, ProbeService, SecondTries};
use webhook_front_actix::{FrontLimits, ServerCertificate};
use webhook_http_actix::wire::{described, described_delivery};
use webhook_http_actix::{Core, CurrentActions, FieldRules, HttpLimits};
use webhook_sender_hyper::HyperSender;
use webhook_store_diesel::DieselStore;

use self::api::{Rules, api};
use self::bootstrap::HandOver;
use self::descriptors::Descriptors;
use self::readiness::{Readiness, keep_sampling, keep_telling};
use self::reload::Reloaded;
use self::rotations::keep_rotating;
use self::upkeep::{
    follow_master_key, forget_events, forget_rotations, keep_checking, keep_rolling, keep_up, note_keys,
};
use crate::dispatch::{self, Dispatcher, Pulse, StopWithin};
use crate::exit::{Failure, chain};
use crate::files::actions;
use crate::files::bearer_tokens::KeySetFile;
use crate::files::inbound_tls::CertificateOfApi;
use crate::logging;
use crate::logging::access::{AccessLog, Accesses};
use crate::logging::queues::QueueLog;
use crate::metrics::{self, DeliveryMetrics, MeasuredSender, Metrics, Readings, RunningMetrics};
use crate::outbound::Outbound;
use crate::settings::{ConsoleSettings, MetricsSettings, Settings};
use crate::signals::Signals;
use crate::store::OpenStore;

/// What serving takes of the settings once the store is open.
struct Deployment {
    listen: std::net::SocketAddr,
    rules: FieldRules,
    default_overlap: webhook_domain::signing::key_ring::Overlap,
    limits: HttpLimits,
    /// Whose bearer tokens are believed, if anybody's.
    tokens: Option<Arc<dyn TokenVerifier>>,
    environment: Environment,
    outbound: Outbound,
    /// What the API shows of itself, if it speaks TLS.
    certificate: Option<ServerCertificate>,
    schedule: RetrySchedule,
    event_retention: Duration,
    descriptors: Descriptors,
    listen_backlog: i32,
    metrics: MetricsSettings,
    console: ConsoleSettings,
    /// Which requests are logged.
    accesses: Accesses,
    stop: StopWithin,
    /// The database's file, if it is one.
    database: Option<std::path::PathBuf>,
}

/// How the time of a stop is divided: a fifth is kept for what comes after requests and deliveries in flight, 2 seconds at most.
fn stop_within(stop_timeout: Duration) -> StopWithin {
    let after = (stop_timeout / 5).min(Duration::from_secs(2));
    // The server takes whole seconds.
    let attempts = Duration::from_secs((stop_timeout - after).as_secs().max(1));
    StopWithin {
        attempts,
        recording: (stop_timeout - attempts) / 2,
    }
}

/// Serves until told to stop.
pub(crate) fn run(settings: Settings) -> Result<(), Failure> {
    tracing::info!(
        service.version = env!("CARGO_PKG_VERSION"),
        deployment.environment = %settings.environment,
        database.url = %settings.database_url,
        allowed_networks = settings.target_policy.networks.networks().len(),
        egress_proxy = settings.egress_proxy.as_ref().map(tracing::field::display),
        "starting"
    );
    let descriptors = Descriptors::claim()?;
    let (mut signals, hang_ups) = Signals::listen(settings.stop_timeout)?;
    let actions = CurrentActions::new(actions::catalogue(settings.actions_file.as_deref())?);
    let database = settings.database_file().map(Path::to_owned);
    let outbound = Outbound::of(&settings, descriptors.idle)?;
    let key_set = settings.tokens.map(KeySetFile::open).transpose()?;
    let stop = stop_within(settings.stop_timeout);
    let mut deployment = Deployment {
        database,
        listen: settings.listen,
        rules: FieldRules {
            targets: settings.target_policy.clone(),
            actions: actions.clone(),
        },
        default_overlap: settings.previous_secret_ttl,
        limits: HttpLimits {
            front: FrontLimits {
                shutdown_timeout: stop.attempts,
                max_connections: descriptors.clients,
                max_connections_of_one_address: descriptors.clients - descriptors.clients / 4,
                trusted_proxies: settings.trusted_proxies,
                ..FrontLimits::default()
            },
            requests_per_second: settings.requests_per_second,
            failed_authentications_per_second: settings.failed_authentications_per_second,
            ..HttpLimits::default()
        },
        listen_backlog: settings.listen_backlog,
        metrics: settings.metrics,
        console: settings.console,
        accesses: settings.accesses,
        tokens: key_set
            .as_ref()
            .map(|file| Arc::new(file.keys()) as Arc<dyn TokenVerifier>),
        environment: settings.environment,
        outbound,
        descriptors,
        certificate: None,
        schedule: settings.retry_schedule,
        event_retention: settings.event_retention,
        stop,
    };
    let certificate = settings.certificate.map(CertificateOfApi::open).transpose()?;
    deployment.certificate = certificate.as_ref().map(CertificateOfApi::shown);
    let reloaded = Reloaded {
        key_set,
        certificate,
        actions: settings.actions_file.map(|file| (file, actions)),
    };
    let open = OpenStore::open(
        &settings.database_url,
        settings.master_key,
        settings.database_wait,
        settings.quotas,
        settings.secret_rotation_days,
    )?;
    reloaded.start(hang_ups)?;
    rt::System::new().block_on(async {
        let outcome = serve(deployment, &open, &mut signals).await;
        close(open.store).await;
        if outcome.is_ok() {
            tracing::info!("stopped");
        }
        outcome
    })
}

async fn serve(deployment: Deployment, open: &OpenStore, signals: &mut Signals) -> Result<(), Failure> {
    let cannot_listen =
        |error: std::io::Error| Failure::cannot(&format!("listen on {}", deployment.listen), &error);
    let listener = TcpListener::bind(deployment.listen).map_err(cannot_listen)?;
    // The standard library gives the queue a length of its own; listening again changes it.
    rustix::net::listen(&listener, deployment.listen_backlog).map_err(|error| cannot_listen(error.into()))?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let here = bootstrap::Server {
        address,
        tls: deployment.certificate.is_some(),
    };
    let for_metrics = metrics::bind(deployment.metrics)?;
    provide_first_key(deployment.database.as_deref(), open, HandOver::choose(here)).await?;
    let sender = || deployment.outbound.sender(open.clock.clone());
    let deliveries = DeliveryMetrics::default();
    let measured = MeasuredSender::new(sender()?, deliveries.clone());
    let dispatch = dispatch_of(measured, &deployment, open);
    // Its connections belong to the threads that answer requests.
    let probes = probes(sender()?, &deployment, open);
    let event_retention = deployment.event_retention;
    let authenticator = Authenticator::new(open.api_keys(), deployment.tokens, open.clock.clone());
    let pulse = Arc::new(Pulse::counting_by(deliveries.clone()));
    // Before anything is forgotten: nothing happens by itself while deliveries are paused.
    dispatch::look_for_pause(open.store.clone(), &pulse)
        .await
        .map_err(|error| Failure::cannot("ask whether deliveries are paused", &error))?;
    let readiness = Arc::new(Readiness::default());
    let readings = Readings {
        store: open.store.clone(),
        readiness: Arc::clone(&readiness),
        pulse: Arc::clone(&pulse),
        attempts: deployment.descriptors.attempts,
        probes: probes.places.clone(),
    };
    let database = deployment.database.as_ref().map_or("postgresql", |_| "sqlite");
    let metrics = Metrics::new(database, &deliveries, readings);
    open.store.observe(vec![metrics.store(), Arc::new(QueueLog)]);
    let access_log = Arc::new(AccessLog::new(deployment.accesses));
    let rules = Rules {
        fields: deployment.rules,
        default_overlap: deployment.default_overlap,
        events_kept_for: event_retention,
    };
    let mut api = api(
        rules,
        authenticator,
        probes,
        Arc::clone(&pulse),
        Arc::clone(&readiness),
        open,
    );
    let own_checks = OwnChecks {
        store: open.store.clone(),
        checks: api.key_checks.clone(),
    };
    api.monitoring = metrics.monitoring(deployment.metrics.on_api);
    api.monitoring.requests.push(access_log.clone());
    let metrics = RunningMetrics::start(&metrics, for_metrics, deployment.metrics.on_api, open)?;
    let sessions = console::sessions(&api, open);
    let core = Core::new(api.clone(), deployment.limits.clone());
    let shared = console::Server {
        limits: &deployment.limits.front,
        rates: core.rates(),
        has_tls: here.tls,
    };
    let console = console::beside(
        deployment.console,
        &api,
        sessions.clone(),
        deployment.default_overlap,
        &shared,
    );
    let fronts = console.into_iter().collect();
    let server = webhook_http_actix::serve(listener, core, fronts, deployment.certificate)
        .map_err(|error| Failure::cannot("start the server", &error))?;
    let sampling = rt::spawn(keep_sampling(open.store.clone(), Arc::clone(&readiness)));
    let telling = rt::spawn(keep_telling(readiness, Arc::clone(&pulse)));
    let upkeep = rt::spawn(keep_up(open, sessions));
    let checking = rt::spawn(keep_checking(own_checks));
    let rotating = rt::spawn(keep_rotating(rotations::runner(open)?));
    let rolling = rt::spawn(keep_rolling(open, deployment.default_overlap));
    let forgetting = rt::spawn(forget_events(open, event_retention, Arc::clone(&pulse)));
    let forgetting_rotations = rt::spawn(forget_rotations(open));
    let noting = rt::spawn(note_keys(open));
    let following = rt::spawn(follow_master_key(open.store.clone()));
    let dispatcher = Dispatcher::start(dispatch, open.store.clone(), pulse, deployment.stop)?;
    let alive = rt::spawn(service_manager::keep_alive());
    let summing = rt::spawn(logging::keep_summing(Arc::clone(&access_log)));
    signals.serving();
    tracing::info!(server.address = %address, server.tls = here.tls, "listening");
    service_manager::ready(address);
    let outcome = until_stopped(server, dispatcher, signals).await;
    for task in [
        sampling,
        telling,
        upkeep,
        checking,
        rotating,
        rolling,
        forgetting,
        forgetting_rotations,
        noting,
        following,
        alive,
        summing,
    ] {
        task.abort();
    }
    logging::sum_up(&access_log);
    metrics.stop().await;
    outcome
}

/// On SQLite, a database that was never used gets its first key; on PostgreSQL that is the operator's to do.
async fn provide_first_key(
    database: Option<&Path>,
    open: &OpenStore,
    hand_over: HandOver,
) -> Result<(), Failure> {
    let api_keys = open.api_keys();
    if let Some(database) = database {
        return bootstrap::run(database, &api_keys, open.entropy.as_ref(), hand_over).await;
    }
    match api_keys.is_unused().await {
        Ok(true) => tracing::warn!("there is no API key yet; `webhook-server api-key create` makes one"),
        Ok(false) => {}
        Err(error) => tracing::warn!(error = chain(&error), "cannot look for API keys"),
    }
    Ok(())
}

/// What delivers.
fn dispatch_of(sender: MeasuredSender<HyperSender>, deployment: &Deployment, open: &OpenStore) -> Dispatch {
    Dispatch {
        queue: open.store.clone(),
        webhooks: open.store.clone(),
        sender: Arc::new(sender),
        clock: open.clock.clone(),
        entropy: open.entropy.clone(),
        environment: deployment.environment,
        schedule: deployment.schedule.clone(),
        attempts_at_once: deployment.descriptors.attempts,
        second_tries: SecondTries::default(),
        describe: Some(described),
        describe_delivery: Some(described_delivery),
    }
}

/// What sends something on request.
fn probes(sender: HyperSender, deployment: &Deployment, open: &OpenStore) -> ProbeService {
    ProbeService {
        webhooks: open.store.clone(),
        queue: open.store.clone(),
        pause: open.store.clone(),
        events: open.store.clone(),
        answers: open.store.clone(),
        sender: Arc::new(sender),
        clock: open.clock.clone(),
        entropy: open.entropy.clone(),
        environment: deployment.environment,
        places: ProbePlaces::new(deployment.descriptors.probes),
    }
}

async fn until_stopped(server: Server, dispatcher: Dispatcher, signals: &mut Signals) -> Result<(), Failure> {
    let handle = server.handle();
    let mut server = std::pin::pin!(server);
    let cannot_go_on = |error: std::io::Error| Failure::cannot("go on serving", &error);
    tokio::select! {
        outcome = &mut server => {
            stop(dispatcher).await;
            return outcome.map_err(cannot_go_on);
        }
        () = signals.stop() => {}
    }
    // All run here: the stop is asked for, the server acts on it, and deliveries come to their end beside it.
    let (outcome, (), ()) = tokio::join!(&mut server, handle.stop(true), stop(dispatcher));
    outcome.map_err(cannot_go_on)
}

/// Stops delivering, on a thread of its own likewise.
async fn stop(dispatcher: Dispatcher) {
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        dispatcher.stop();
        drop(stopping);
    });
    // An error says that the sender is gone, which is what is waited for.
    let _ = stopped.await;
}

/// Closes the store on a thread of its own, since that blocks.
async fn close(store: Arc<DieselStore>) {
    let (closing, closed) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        store.close();
        drop(closing);
    });
    // An error says that the sender is gone, which is what is waited for.
    let _ = closed.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_stop_end_within_its_time() {
        for (all, in_flight) in [(2, 1), (3, 2), (8, 6), (10, 8), (600, 598)] {
            let all = Duration::from_secs(all);
            let within = stop_within(all);
            assert_eq!(within.attempts, Duration::from_secs(in_flight), "{all:?}");
            assert!(within.attempts + within.recording < all, "{within:?}");
        }
    }
}
