//! A deployment with its server running, and a key to it.

use std::fs;

use crate::{
    client::Client,
    deployment::{Backend, Deployment},
    server::{Ended, Server},
};

/// Every permission of the contract that the API has uses for.
pub const ALL_PERMISSIONS: [&str; 12] = [
    "WEBHOOK.VIEW",
    "WEBHOOK.CREATE",
    "WEBHOOK.UPDATE",
    "WEBHOOK.DELETE",
    "WEBHOOK.REVEAL",
    "EVENT.CREATE",
    "WEBHOOK_EVENT.VIEW",
    "WEBHOOK_EVENT.RESEND",
    "API_KEY.VIEW",
    "API_KEY.CREATE",
    "API_KEY.DELETE",
    "AUDIT_RECORD.VIEW",
];

/// A running service.
#[derive(Debug)]
pub struct Service {
    server: Option<Server>,
    key: String,
    deployment: Deployment,
}

impl Service {
    /// A new service, with nothing in it but a key of every permission for platform `default`.
    #[track_caller]
    pub fn start(backend: Backend) -> Self {
        Self::start_on(Deployment::new(backend))
    }

    /// The same on a deployment that a test has prepared.
    #[track_caller]
    pub fn start_on(deployment: Deployment) -> Self {
        let server = deployment.serve();
        let key = match fs::read_to_string(deployment.data().join("first-api-key")) {
            Ok(text) => text.trim().to_owned(),
            Err(_) => deployment.create_key("default", &ALL_PERMISSIONS, &[]),
        };
        Self {
            server: Some(server),
            key,
            deployment,
        }
    }

    /// Where it runs.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Its settings, for the next start.
    pub fn deployment_mut(&mut self) -> &mut Deployment {
        &mut self.deployment
    }

    /// The process.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// The text of the key of every permission for platform `default`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A client with every permission on platform `default`.
    pub fn client(&self) -> Client {
        self.client_with(&self.key)
    }

    /// A client with `key`.
    pub fn client_with(&self, key: &str) -> Client {
        Client::with_key(self.server().address(), key)
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::anonymous(self.server().address())
    }

    /// A client of `platform` (or of all, `*`) with `permissions` alone.
    #[track_caller]
    pub fn client_of(&self, platform: &str, permissions: &[&str]) -> Client {
        self.client_with(&self.deployment.create_key(platform, permissions, &[]))
    }

    /// Kills the server with SIGKILL.
    #[track_caller]
    pub fn kill(&mut self) -> Ended {
        self.take_server().kill()
    }

    /// Takes the server out, to be stopped by the test.
    pub fn take_server(&mut self) -> Server {
        self.server.take().expect("the server runs")
    }

    /// Starts the server again after it was killed or stopped.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server still runs");
        self.server = Some(self.deployment.serve());
    }
}
