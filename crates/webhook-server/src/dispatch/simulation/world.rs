//! One run: three machines, a store, receivers, clients, and what goes wrong between them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant as Monotone;
use webhook_domain::delivery::event::Environment;
use webhook_domain::delivery::lane::Epoch;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{DeliveryQuery, EventStore, Lane, ListedDelivery};
use webhook_domain::services::{Dispatch, SecondTries};
use webhook_domain::signing::key_ring::KeyRing;
use webhook_domain::testing::{ManualClock, MemoryStore, Random, fixtures};
use webhook_domain::time::{Clock, Instant};

use super::super::pulse::Pulse;
use super::super::uptime::Uptime;
use super::super::{StopWithin, deliver};
use super::journal::{Fact, Journal};
use super::plan::{MACHINES, Plan, Rates};
use super::ports::Ports;
use super::process::{Condition, Fate, Process};
use super::receivers::Receivers;
use super::tampering::Tampering;

/// How long a stop may take.
const STOP_WITHIN: StopWithin = StopWithin {
    attempts: Duration::from_secs(15),
    recording: Duration::from_secs(15),
};

/// What there is in a run.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) store: MemoryStore,
    /// The store's clock, which is right.
    pub(super) clock: Arc<MachineClock>,
    pub(super) receivers: Receivers,
    pub(super) journal: Journal,
    tampering: Option<Tampering>,
    began: Monotone,
    in_trouble: AtomicBool,
    started: AtomicUsize,
    publications: AtomicUsize,
    /// Of what goes wrong on the way.
    chance: Mutex<Random>,
    machines: [Machine; MACHINES],
    known: Mutex<Known>,
}

/// What is kept in mind of webhooks.
#[derive(Default)]
struct Known {
    webhooks: Vec<WebhookId>,
    owners: BTreeMap<WebhookId, (ProcessId, Epoch)>,
    first_keys: BTreeMap<WebhookId, KeyRing>,
    lanes: BTreeMap<(ProcessId, WebhookId), Lane>,
}

/// A machine, with the process that runs on it.
struct Machine {
    clock: Arc<MachineClock>,
    runs: Mutex<Option<Running>>,
}

struct Running {
    process: Arc<Process>,
    stop: watch::Sender<bool>,
}

/// A clock that goes as all clocks go, but may be put forward and back.
pub(super) struct MachineClock {
    began: Monotone,
    shifted_by: AtomicI64,
}

impl MachineClock {
    fn new(began: Monotone) -> Arc<Self> {
        Arc::new(Self {
            began,
            shifted_by: AtomicI64::new(0),
        })
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Instant {
        let right = ManualClock::START.plus(self.began.elapsed()).as_milliseconds();
        Instant::from_milliseconds(right + self.shifted_by.load(Ordering::SeqCst))
    }
}

impl World {
    pub(super) fn new(plan: Plan, tampering: Option<Tampering>) -> Arc<Self> {
        let began = Monotone::now();
        let clock = MachineClock::new(began);
        Arc::new(Self {
            store: MemoryStore::with_clock(Arc::clone(&clock) as Arc<dyn Clock>),
            clock,
            receivers: Receivers::new(),
            journal: Journal::default(),
            tampering,
            began,
            in_trouble: AtomicBool::new(false),
            started: AtomicUsize::new(0),
            publications: AtomicUsize::new(0),
            chance: Mutex::new(Random::new(!plan.seed)),
            machines: std::array::from_fn(|_| Machine {
                clock: MachineClock::new(began),
                runs: Mutex::default(),
            }),
            known: Mutex::default(),
            plan,
        })
    }

    pub(super) fn write(&self, fact: Fact) {
        self.journal.write(self.began.elapsed(), fact);
    }

    pub(super) fn note(&self, text: String) {
        self.write(Fact::Note(text));
    }

    /// How long the run has gone on.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn is_tampered(&self, tampering: Tampering) -> bool {
        self.tampering == Some(tampering)
    }

    /// Begins and ends the time in which calls go wrong.
    pub(super) fn be_in_trouble(&self, trouble: bool) {
        self.in_trouble.store(trouble, Ordering::SeqCst);
    }

    fn rates(&self) -> Rates {
        match self.in_trouble.load(Ordering::SeqCst) {
            true => self.plan.rates,
            false => Rates::default(),
        }
    }

    fn chance(&self) -> MutexGuard<'_, Random> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a process lacks something to send the next parcel with.
    pub(super) fn is_short(&self) -> bool {
        let rates = self.rates();
        self.chance().chance(rates.short)
    }

    /// What becomes of the next call, which takes up to so many milliseconds each way unless it is late.
    pub(super) fn fate(&self, usual: usize) -> Fate {
        let rates = self.rates();
        let chance = &mut *self.chance();
        let longest = match chance.chance(rates.late) {
            true => 4_000,
            false => usual,
        };
        Fate {
            there: chance.up_to(longest),
            back: chance.up_to(longest),
            refused: chance.chance(rates.refused),
            lost: chance.chance(rates.lost),
            has_left: chance.chance(50),
        }
    }

    /// Whether a notification comes.
    pub(super) fn is_heard(&self) -> bool {
        let unheard = self.rates().unheard;
        !self.chance().chance(unheard) && !self.is_tampered(Tampering::FindsNothing)
    }

    pub(super) fn pick<T: Clone>(&self, of: &[T]) -> T {
        self.chance().pick(of)
    }

    /// A number that no publication has had.
    pub(super) fn next_publication(&self) -> usize {
        self.publications.fetch_add(1, Ordering::SeqCst)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_webhook(&self, webhook: WebhookId) {
        self.known().webhooks.push(webhook);
    }

    /// The webhook of this number.
    pub(super) fn webhook(&self, number: usize) -> WebhookId {
        self.known().webhooks[number]
    }

    pub(super) fn is_owned_by(&self, webhook: WebhookId, process: ProcessId, epoch: Epoch) {
        self.known().owners.insert(webhook, (process, epoch));
    }

    /// Who looked last at the lane as its owner.
    pub(super) fn owner(&self, webhook: WebhookId) -> Option<(ProcessId, Epoch)> {
        self.known().owners.get(&webhook).copied()
    }

    /// The keys that were first asked for.
    pub(super) fn first_keys(&self, webhook: WebhookId, now: &KeyRing) -> KeyRing {
        let mut known = self.known();
        known
            .first_keys
            .entry(webhook)
            .or_insert_with(|| now.clone())
            .clone()
    }

    /// A lane as the process found it when it was its own, if it was.
    pub(super) fn remembered(
        &self,
        process: ProcessId,
        webhook: WebhookId,
        now: Option<Lane>,
    ) -> Option<Lane> {
        let mut known = self.known();
        if let Some(lane) = now {
            known.lanes.insert((process, webhook), lane);
        }
        known.lanes.get(&(process, webhook)).cloned()
    }

    /// All deliveries there are, the newest first.
    pub(super) async fn rows(&self) -> Vec<ListedDelivery> {
        let query = DeliveryQuery {
            limit: u32::MAX,
            ..DeliveryQuery::default()
        };
        self.store.deliveries(&fixtures::acme(), query).await.unwrap()
    }

    fn running(&self, machine: usize) -> MutexGuard<'_, Option<Running>> {
        let runs = &self.machines[machine].runs;
        runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What clients of the machine's process talk to, and its clock; none while there is no process.
    pub(super) fn ports(self: &Arc<Self>, machine: usize) -> Option<(Ports, Arc<MachineClock>)> {
        let process = Arc::clone(&self.running(machine).as_ref()?.process);
        let world = Arc::clone(self);
        Some((
            Ports { world, process },
            Arc::clone(&self.machines[machine].clock),
        ))
    }

    /// Starts a process, unless one runs there.
    pub(super) fn start(self: &Arc<Self>, machine: usize) {
        if self.running(machine).is_some() {
            return;
        }
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        self.note(format!("#{number} starts on machine {machine}"));
        let process = Arc::new(Process::new(number, machine, self.plan.seed));
        let (stop, stopped) = watch::channel(false);
        *self.running(machine) = Some(Running {
            process: Arc::clone(&process),
            stop,
        });
        // Machines were not switched on at the same time.
        let (began, ahead) = (self.began, i64::try_from(number).unwrap() * 1_000_000);
        let uptime =
            Uptime::told_by(move || i64::try_from(began.elapsed().as_millis()).unwrap_or_default() + ahead);
        let dispatch = self.dispatch(machine, Arc::clone(&process));
        let world = Arc::clone(self);
        tokio::spawn(async move {
            deliver(
                dispatch,
                Arc::new(MemoryStore::new()),
                &Arc::new(Pulse::by(uptime)),
                stopped,
                STOP_WITHIN,
            )
            .await;
            world.note(format!("#{number} has come to its end"));
            world.remove(&process);
        });
    }

    fn dispatch(self: &Arc<Self>, machine: usize, process: Arc<Process>) -> Dispatch {
        let entropy = Arc::clone(&process.entropy);
        let world = Arc::clone(self);
        let ports = Arc::new(Ports { world, process });
        let waits = [1, 2, 4, 8].map(Duration::from_secs).to_vec();
        Dispatch {
            attempts_at_once: 512,
            queue: Arc::clone(&ports) as _,
            webhooks: Arc::clone(&ports) as _,
            sender: ports,
            clock: Arc::clone(&self.machines[machine].clock) as _,
            entropy,
            environment: Environment::Test,
            schedule: RetrySchedule::new(waits, Duration::from_secs(10), self.plan.give_up_after).unwrap(),
            second_tries: SecondTries::default(),
            describe: None,
            describe_delivery: None,
        }
    }

    fn remove(&self, process: &Arc<Process>) {
        let mut running = self.running(process.machine);
        let is_it = |running: &&mut Running| Arc::ptr_eq(&running.process, process);
        if running.as_mut().filter(is_it).is_some() {
            *running = None;
        }
    }

    pub(super) fn kill(&self, machine: usize) {
        if let Some(Running { process, stop }) = self.running(machine).take() {
            self.note(format!("#{} is killed", process.number));
            process.become_(Condition::IsDead);
            // Nobody is left who could tell it to stop, and that must not look like being told.
            std::mem::forget(stop);
        }
    }

    pub(super) fn stop(&self, machine: usize) {
        if let Some(running) = &*self.running(machine) {
            self.note(format!("#{} is told to stop", running.process.number));
            running.stop.send_replace(true);
        }
    }

    /// Has the machine's process stand still, and gives it.
    pub(super) fn pause(&self, machine: usize) -> Option<Arc<Process>> {
        let process = Arc::clone(&self.running(machine).as_ref()?.process);
        self.note(format!("#{} stands still", process.number));
        process.become_(Condition::StandsStill);
        Some(process)
    }

    pub(super) fn go_on(&self, process: &Process) {
        if process.condition() == Condition::StandsStill {
            self.note(format!("#{} goes on", process.number));
            process.become_(Condition::Runs);
        }
    }

    /// Puts the clock of a machine forward or back.
    pub(super) fn shift(&self, machine: usize, by: i64) {
        self.note(format!(
            "the clock of machine {machine} is put forward by {by} ms"
        ));
        self.machines[machine]
            .clock
            .shifted_by
            .fetch_add(by, Ordering::SeqCst);
    }

    /// Puts everything right: what stands still goes on, what is dead is started, what is wrong is corrected.
    pub(super) fn repair_all(self: &Arc<Self>) {
        self.be_in_trouble(false);
        self.note("the trouble is over".to_owned());
        for machine in 0..MACHINES {
            let process = self
                .running(machine)
                .as_ref()
                .map(|running| Arc::clone(&running.process));
            process.inspect(|process| self.go_on(process));
            self.machines[machine].clock.shifted_by.store(0, Ordering::SeqCst);
        }
    }
}
