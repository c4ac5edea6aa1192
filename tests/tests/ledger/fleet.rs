//! The server processes: one or several on one database, killed with SIGKILL and started again, while publishers and whoever
//! rolls a secret go on with those that are left.

use std::{
    fs,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use webhook_tests::{Answer, Backend, Client, Deployment, Server, Service, client::Request, raw::Connection};

use crate::plan::ACTIONS;

/// How long somebody waits who was not answered.
const PAUSE: Duration = Duration::from_millis(30);

/// The processes of one deployment.
#[derive(Debug)]
pub(crate) struct Fleet {
    servers: Mutex<Vec<Option<Server>>>,
    service: Service,
}

impl Fleet {
    /// Starts `processes` servers.
    pub(crate) fn start(backend: Backend, processes: usize) -> Self {
        let mut deployment = Deployment::new(backend)
            .with("WEBHOOK_ALLOW_HTTP", "true")
            .with("WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8")
            // Two minutes become 50 milliseconds, and seven days four minutes.
            .with("WEBHOOK_RETRY_SPEED", "2400");
        let actions = deployment.directory().join("actions");
        fs::write(&actions, ACTIONS.join("\n")).expect("a file can be written");
        deployment.set("WEBHOOK_ACTIONS_FILE", &actions.to_string_lossy());
        let mut service = Service::start_on(deployment);
        let mut servers = vec![Some(service.take_server())];
        servers.extend((1..processes).map(|_| Some(service.deployment().serve())));
        Self {
            servers: Mutex::new(servers),
            service,
        }
    }

    /// How many processes there are, killed ones included.
    pub(crate) fn size(&self) -> usize {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Kills a process, and starts another in its place.
    pub(crate) fn kill(&self, place: usize) {
        self.end(place);
        self.begin(place);
    }

    /// Kills a process.
    pub(crate) fn end(&self, place: usize) {
        let victim = self.servers.lock().unwrap_or_else(PoisonError::into_inner)[place].take();
        victim.expect("one at a time is killed").kill();
    }

    /// Starts a process where one was killed.
    fn begin(&self, place: usize) {
        let started = self.service.deployment().serve();
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(started);
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
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
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
        let named = |client: &Client| {
            let request = request(client).header("Idempotency-Key", key).unchecked();
            request.try_send()
        };
        if hangs_up && let Ok(mut connection) = Connection::open(self.client.address()) {
            let wire = request(&self.client).header("Idempotency-Key", key).wire();
            let _ = connection.send(&wire);
            self.retries += 1;
        }
        loop {
            match named(&self.client) {
                Ok(answer) if answer.status == status => return answer,
                // Overloaded, or the first request is still under way.
                Ok(answer) if answer.status >= 500 || answer.status == 422 => {}
                Ok(answer) => panic!("{key}: {}", answer.shown()),
                Err(_) => {}
            }
            self.retries += 1;
            self.turn += 1;
            thread::sleep(PAUSE);
            self.client = self.fleet.client(self.turn);
        }
    }
}
