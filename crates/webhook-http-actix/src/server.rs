//! The server: the API's application behind a front's connections.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::web;
use webhook_front_actix::{Front, ServerCertificate};

use crate::api::Core;
use crate::app::app_beside;
use crate::beside::Beside;
use crate::errors::refuse_bare;

/// Serves the API of `core`, and `fronts` beside it, to whoever connects to `listener`, over TLS if there is a certificate, as
/// [`webhook_front_actix::serve`] does.
///
/// # Errors
/// When the listener cannot be taken over, or TLS cannot be set up.
pub fn serve(
    listener: TcpListener,
    core: web::Data<Core>,
    fronts: Vec<Beside>,
    certificate: Option<ServerCertificate>,
) -> io::Result<Server> {
    let front = Front {
        limits: core.limits.front.clone(),
        certificate,
        entropy: core.api.entropy.clone(),
        refuse: refuse_bare,
    };
    let fronts: Arc<[Beside]> = fronts.into();
    webhook_front_actix::serve("webhook-http", listener, front, move || {
        app_beside(&core, &fronts)
    })
}
