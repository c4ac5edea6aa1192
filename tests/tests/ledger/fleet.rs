//! The server processes: one or several on one database, each with a wall clock of its own. They are killed with SIGKILL and
//! started again, or stopped with SIGSTOP, while publishers and whoever rolls a secret go on with those that are left.

use std::{
    fs,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use webhook_tests::{
    Answer, Backend, Client, Deployment, Server, Service, client::Request, raw::Connection,
    shifted_clock::ShiftedClock,
};

use crate::plan::ACTIONS;

/// Two minutes become 50 milliseconds, and seven days four minutes.
pub(crate) const RETRY_SPEED: u32 = 2_400;
/// How long somebody waits who was not answered.
const PAUSE: Duration = Duration::from_millis(30);
/// How long somebody waits for an answer before they ask another process: less than a process is stopped for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The processes of one deployment.
#[derive(Debug)]
pub(crate) struct Fleet {
    servers: Mutex<Vec<Option<Server>>>,
    /// One for each place: whoever is started in it goes by the clock of the one before.
    clocks: Vec<ShiftedClock>,
    service: Service,
}

impl Fleet {
    /// Starts `processes` servers.
    pub(crate) fn start(backend: Backend, processes: usize) -> Self {
        let mut deployment = Deployment::new(backend)
            .with("WEBHOOK_ALLOW_HTTP", "true")
            .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
            .with("WEBHOOK_RETRY_SPEED", &RETRY_SPEED.to_string());
        let actions = deployment.directory().join("actions");
        fs::write(&actions, ACTIONS.join("\n")).expect("a file can be written");
        deployment.set("WEBHOOK_ACTIONS_FILE", &actions.to_string_lossy());
        let mut service = Service::start_on(deployment);
        // It has made the API key. Those that are judged have clocks that can be wrong.
        service.take_server().stop();
        let directory = service.deployment().directory();
        let clock = |place| ShiftedClock::new(directory, &format!("clock-{place}"));
        let fleet = Self {
            servers: Mutex::new((0..processes).map(|_| None).collect()),
            clocks: (0..processes).map(clock).collect(),
            service,
        };
        (0..processes).for_each(|place| fleet.begin(place));
        fleet
    }

    /// How many processes there are, killed ones included.
    pub(crate) fn size(&self) -> usize {
        self.clocks.len()
    }

    /// Where they run.
    pub(crate) fn deployment(&self) -> &Deployment {
        self.service.deployment()
    }

    fn servers(&self) -> MutexGuard<'_, Vec<Option<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills a process, and starts another in its place.
    pub(crate) fn kill(&self, place: usize) {
        self.end(place);
        self.begin(place);
    }

    /// Kills a process.
    pub(crate) fn end(&self, place: usize) {
        let victim = self.servers()[place].take();
        victim.expect("one at a time is killed").kill();
    }

    /// Starts a process where there is none.
    fn begin(&self, place: usize) {
        let mut command = self.deployment().command(&[]);
        self.clocks[place].show_to(&mut command);
        let started = Server::start(command);
        self.servers()[place] = Some(started);
    }

    /// Stops a process where it is. False if there is none.
    pub(crate) fn freeze(&self, place: usize) -> bool {
        let servers = self.servers();
        servers[place].as_ref().map(Server::freeze).is_some()
    }

    /// Has it go on, unless it was killed meanwhile.
    pub(crate) fn thaw(&self, place: usize) {
        if let Some(server) = &self.servers()[place] {
            server.thaw();
        }
    }

    /// Has the clock of a process show `seconds` more than the time, or less if negative.
    pub(crate) fn shift_clock(&self, place: usize, seconds: i64) {
        self.clocks[place].shift(seconds);
    }

    /// A client of one process, or of another if that one is dead. Waits while all are.
    pub(crate) fn client(&self, wished: usize) -> Client {
        loop {
            if let Some(address) = self.address(wished) {
                return Client::with_key(address, self.service.key());
            }
            thread::sleep(PAUSE);
        }
    }

    fn address(&self, wished: usize) -> Option<SocketAddr> {
        let servers = self.servers();
        let (before, after) = servers.split_at(wished % servers.len());
        let mut alive = after.iter().chain(before).flatten();
        alive.next().map(Server::address)
    }
}

/// Somebody who asks for things, one after the other, until they are answered.
#[derive(Debug)]
pub(crate) struct Caller<'fleet> {
    fleet: &'fleet Fleet,
    client: Client,
    turn: usize,
    /// How often a request was sent again.
    pub(crate) retries: usize,
}

impl<'fleet> Caller<'fleet> {
    pub(crate) fn new(fleet: &'fleet Fleet, turn: usize) -> Self {
        Self {
            fleet,
            client: fleet.client(turn),
            turn,
            retries: 0,
        }
    }

    /// Sends a request under an idempotency key until its answer has status `status`. With `hangs_up` the first answer is
    /// lost on purpose.
    pub(crate) fn insist(
        &mut self,
        key: &str,
        status: u16,
        hangs_up: bool,
        request: impl for<'client> Fn(&'client Client) -> Request<'client>,
    ) -> Answer {
        let named = |client: &Client| request(client).header("Idempotency-Key", key).wire();
        if hangs_up && let Ok(mut connection) = Connection::open(self.client.address()) {
            let _ = connection.send(&named(&self.client));
            self.retries += 1;
        }
        loop {
            match self.exchange(named(&self.client)) {
                Some(answer) if answer.status == status => return answer,
                // Overloaded, or the first request is still under way.
                Some(answer) if answer.status >= 500 || answer.status == 422 => {}
                Some(answer) => panic!("{key}: {}", answer.shown()),
                None => {}
            }
            self.retries += 1;
            thread::sleep(PAUSE);
            self.turn_to_another();
        }
    }

    /// Sends a request once; none if there was no answer in time, and then the next one goes to another process.
    pub(crate) fn ask(
        &mut self,
        request: impl for<'client> Fn(&'client Client) -> Request<'client>,
    ) -> Option<Answer> {
        let answer = self.exchange(request(&self.client).wire());
        if answer.is_none() {
            self.turn_to_another();
        }
        answer
    }

    fn turn_to_another(&mut self) {
        self.turn += 1;
        self.client = self.fleet.client(self.turn);
    }

    /// Sends a request to the process whose turn it is; none if it is dead, or has not answered in time. Then it may still be
    /// stopped with the request unread, and do what it says when it goes on.
    fn exchange(&self, wire: Vec<u8>) -> Option<Answer> {
        let address = self.client.address();
        let (tell, told) = mpsc::channel();
        // A connection waits for longer than a process is stopped. So it is not the caller who waits for it.
        thread::spawn(move || {
            let exchanged = Connection::open(address).and_then(|mut connection| {
                connection.send(&wire)?;
                connection.read_answer()
            });
            let _ = tell.send(exchanged);
        });
        told.recv_timeout(PATIENCE).ok()?.ok()
    }
}
