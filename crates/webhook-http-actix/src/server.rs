//! The server: actix's workers, each with the [`app`](crate::app()), behind connections that we time ourselves.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use actix_web::web;
use std::time::Duration;

use crate::api::{Api, Core, HttpLimits};
use crate::app::app;
use crate::connection::{Connection, LINGER, OpenConnections, Watch};

/// How many connections of a worker may wait to be closed while new ones come in.
const BEING_CLOSED: usize = 64;

/// Serves `api` to whoever connects to `listener`, once the returned future is polled inside a runtime (actix's or
/// tokio's). It listens to no signals: stop it through [`Server::handle`]; a graceful stop closes idle connections
/// and lets requests under way finish.
///
/// # Errors
/// When the listener cannot be taken over.
pub fn serve(listener: TcpListener, api: Api, limits: HttpLimits) -> io::Result<Server> {
    let core = Core::new(api, limits);
    let limits = core.limits.clone();
    listener.set_nonblocking(true)?;
    let builder = Server::build()
        .disable_signals()
        .workers(limits.worker_count())
        .max_concurrent_connections(limits.max_connections.div_ceil(limits.worker_count()) + BEING_CLOSED)
        .shutdown_timeout(limits.shutdown_timeout.as_secs());
    let stopping = builder.graceful_shutdown_signal();
    let worker = move || {
        let stopping = stopping.clone();
        let accept = accept(core.clone(), OpenConnections::new(&core.limits));
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(limits.keep_alive)
            // The connection times heads itself: this would time the first one alone.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|connection: &Connection, extensions| {
                extensions.insert::<Watch>(connection.watch());
            })
            .h1(map_config(app(&core), |()| AppConfig::default()));
        fn_service(accept).and_then(http)
    };
    Ok(builder.listen("webhook-http", listener, worker)?.run())
}

/// Takes a socket for a connection.
fn accept(
    core: web::Data<Core>,
    open: Rc<OpenConnections>,
) -> impl Fn(TcpStream) -> std::future::Ready<Result<(Connection, Option<std::net::SocketAddr>), DispatchError>>
+ Clone {
    move |socket| {
        let peer = socket.peer_addr().ok();
        let Some(admission) = open.admit(peer.map(|peer| peer.ip())) else {
            tracing::debug!(
                "a new connection was closed: each of those that are open has a request under way"
            );
            return std::future::ready(Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into())));
        };
        // An answer is written whole; waiting for more to send with it would only delay it.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(error = %error, "a socket refused TCP_NODELAY");
        }
        std::future::ready(Ok((Connection::new(socket, core.clone(), admission), peer)))
    }
}
