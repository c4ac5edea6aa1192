//! The server: actix's workers, each with the front's application, behind connections that we time ourselves.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use actix_http::body::{BoxBody, MessageBody};
use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::connection::{Connection, LINGER, OpenConnections, Socket, Watch};
use crate::front::Front;
use crate::tls::ServerCertificate;

/// How many connections of a worker may wait to be closed while new ones come in.
const BEING_CLOSED: usize = 64;

/// Serves the application that `app` makes, once for each worker, to whoever connects to `listener`, once the returned future is
/// polled inside a runtime (actix's or tokio's). `name` is what actix calls the listener in its log. It listens to no signals: stop it
/// through [`Server::handle`]; a graceful stop closes idle connections and lets requests under way finish.
///
/// # Errors
/// When the listener cannot be taken over, or TLS cannot be set up.
pub fn serve<A, I, S, B>(name: &str, listener: TcpListener, front: Front, app: A) -> io::Result<Server>
where
    A: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let limits = &front.limits;
    let tls = front
        .certificate
        .as_ref()
        .map(ServerCertificate::config)
        .transpose();
    let acceptor = tls.map_err(io::Error::other)?.map(TlsAcceptor::from);
    listener.set_nonblocking(true)?;
    let builder = Server::build()
        .disable_signals()
        .workers(limits.worker_count())
        .max_concurrent_connections(limits.max_connections.div_ceil(limits.worker_count()) + BEING_CLOSED)
        .shutdown_timeout(limits.shutdown_timeout.as_secs());
    let stopping = builder.graceful_shutdown_signal();
    let worker = move || {
        let stopping = stopping.clone();
        let accept = accept(&front, acceptor.clone());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(front.limits.keep_alive)
            // The connection times heads itself: this would time the first one alone.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|connection: &Connection, extensions| {
                extensions.insert::<Watch>(connection.watch());
            })
            .h1(map_config(app(), |()| AppConfig::default()));
        fn_service(accept).and_then(http)
    };
    Ok(builder.listen(name, listener, worker)?.run())
}

/// Takes a socket for a connection.
fn accept(
    front: &Front,
    acceptor: Option<TlsAcceptor>,
) -> impl Fn(TcpStream) -> std::future::Ready<Result<(Connection, Option<std::net::SocketAddr>), DispatchError>>
+ Clone
+ use<> {
    let open = OpenConnections::new(&front.limits);
    let front = Rc::new(front.clone());
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
        let socket = Socket::new(socket, acceptor.as_ref());
        std::future::ready(Ok((Connection::new(socket, Rc::clone(&front), admission), peer)))
    }
}
