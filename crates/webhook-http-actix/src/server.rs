//! The server: the API's application behind a front's connections.

use std::io;
use std::net::TcpListener;

use actix_web::dev::Server;
use webhook_front_actix::{Front, ServerCertificate};

use crate::api::{Api, Core};
use crate::app::app;
use crate::errors::refuse_bare;
use crate::limits::HttpLimits;

/// Serves `api` to whoever connects to `listener`, over TLS if there is a certificate, as [`webhook_front_actix::serve`] does.
///
/// # Errors
/// When the listener cannot be taken over, or TLS cannot be set up.
pub fn serve(
    listener: TcpListener,
    api: Api,
    limits: HttpLimits,
    certificate: Option<ServerCertificate>,
) -> io::Result<Server> {
    let front = Front {
        limits: limits.front.clone(),
        certificate,
        entropy: api.entropy.clone(),
        refuse: refuse_bare,
    };
    let core = Core::new(api, limits);
    webhook_front_actix::serve("webhook-http", listener, front, move || app(&core))
}
