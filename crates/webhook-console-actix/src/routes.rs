//! The table of pages: the handler of each method at each path. A handler begins with who is signed in; what is not in the table is not
//! found.

use std::pin::Pin;

use actix_web::http::Method;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Route};
use webhook_domain::access::caller::Acting;
use webhook_domain::id::RequestId;
use webhook_front_actix::InRoute;

use crate::console::Shared;
use crate::pages::{
    actions, api_keys, audit, campaigns, deliveries, home, leaks, overview, penalty_box, secrets, sign_in,
    static_files, webhooks,
};
use crate::request::call::Call;
use crate::request::own_origin;
use crate::trouble::Trouble;
use crate::{paths, view};

/// Where all paths of the console begin.
pub(crate) const PREFIX: &str = "/console";

/// What answers at one path by one method.
type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<HttpResponse, Trouble>>>>;
/// The handlers at one path, by their methods.
type Handlers = &'static [(Method, Handler)];

/// Of each path below a prefix: the handler of each method. A pattern with a name in it is compiled anew for each worker, and kept; so what the
/// paths begin with is a prefix, and is compiled once for all of them. All handlers are of one type: what the framework has around each
/// type of them is in the binary once.
macro_rules! pages {
    ($place:ident below $prefix:literal: $($path:literal: $($method:ident $handler:path),+;)*) => {
        mod $place {
            use super::*;

            pub(super) const ROUTES: &[&str] = &[$(concat!("/console", $prefix, $path)),*];

            pub(super) fn register(router: &mut ServiceConfig) {
                $({
                    static HANDLERS: Handlers = &[$((Method::$method, |call| Box::pin($handler(call)))),+];
                    router.service(web::resource($path).route(page(HANDLERS)));
                })*
            }
        }
    };
}

pages! { of_all below "":
    "": GET home::to_home;
    "/": GET home::home;
    "/assets/{name}": GET static_files::read;
    "/sign-in": GET sign_in::show, POST sign_in::sign_in;
    "/sign-out": POST sign_in::sign_out;
    "/platform": GET home::choose_platform;
}

pages! { of_platform below "/p/{platform}":
    "/": GET overview::show;
    "/stopping": GET overview::needs::stopping;
    "/not-adopted": GET overview::needs::not_adopted;
    "/roll-due": GET overview::needs::roll_due;
    "/webhooks": GET webhooks::list::show;
    "/webhooks/new": GET webhooks::edit::new, POST webhooks::edit::create;
    "/penalty-box": GET penalty_box::list::show;
    "/actions": GET actions::list::show;
    "/deliveries": GET deliveries::list::show;
    "/api-keys": GET api_keys::list::show;
    "/api-keys/new": GET api_keys::create::ask, POST api_keys::create::create;
    "/api-keys/{id}/revoke": GET api_keys::revoke::ask, POST api_keys::revoke::revoke;
    "/campaigns": GET campaigns::list::show;
    "/campaigns/plan": GET campaigns::plan::ask;
    "/campaigns/start": POST campaigns::start::start;
    "/leaks": GET leaks::look_up::ask, POST leaks::look_up::look_up;
    "/leaks/{fingerprint}": GET leaks::show::show;
    "/audit": GET audit::list::show;
    "/audit/verify": GET audit::verify::ask, POST audit::verify::verify;
    "/audit/{id}": GET audit::show::show;
}

pages! { of_webhook below "/p/{platform}/webhooks/{id}":
    "": GET webhooks::show::show;
    "/edit": GET webhooks::edit::edit, POST webhooks::edit::update;
    "/delete": GET webhooks::delete::ask, POST webhooks::delete::delete;
    "/test": POST webhooks::test::send;
    "/roll": GET secrets::roll::preview, POST secrets::roll::roll;
    "/check": POST secrets::check::check;
    "/reveal": POST secrets::reveal::reveal;
    "/restore": GET secrets::restore::ask, POST secrets::restore::restore;
    "/remove-secret": GET secrets::remove::ask, POST secrets::remove::remove;
    "/retired/{fingerprint}": GET secrets::retired::ask, POST secrets::retired::set;
    "/penalty-box": GET penalty_box::show::show, POST penalty_box::send::send;
    "/replay": GET deliveries::replay::ask, POST deliveries::replay::replay;
}

pages! { of_delivery below "/p/{platform}/deliveries/{id}":
    "": GET deliveries::show::show;
    "/body": GET deliveries::body::read;
    "/resend": GET deliveries::resend::ask, POST deliveries::resend::resend;
    "/give-up": GET deliveries::give_up::ask, POST deliveries::give_up::give_up;
}

pages! { of_campaign below "/p/{platform}/campaigns/{id}":
    "": GET campaigns::show::show;
    "/progress": GET campaigns::show::progress;
    "/stop": GET campaigns::stop::ask, POST campaigns::stop::stop;
}

/// The patterns of all paths, for those who are told of requests.
#[must_use]
pub fn routes() -> Vec<&'static str> {
    let all = [
        of_all::ROUTES,
        of_platform::ROUTES,
        of_webhook::ROUTES,
        of_delivery::ROUTES,
        of_campaign::ROUTES,
    ];
    all.concat()
}

/// Tells `router` where each path leads.
pub(crate) fn register(router: &mut ServiceConfig) {
    // What begins with the prefix is found there or nowhere, so names that are none of an id come first.
    let below = |prefix, pages: fn(&mut ServiceConfig)| {
        web::scope(prefix).configure(pages).default_service(nowhere())
    };
    let platform = below("/p/{platform}", of_platform::register)
        .service(below("/webhooks/{id}", of_webhook::register))
        .service(below("/deliveries/{id}", of_delivery::register))
        .service(below("/campaigns/{id}", of_campaign::register));
    router.configure(of_all::register).service(platform);
}

/// What all other paths lead to.
pub(crate) fn nowhere() -> Route {
    web::to(|request, shared, payload| answer(request, shared, payload, |_| Box::pin(no_such_page())))
}

/// A page, whose handler is that of the request's method.
fn page(handlers: Handlers) -> Route {
    web::to(move |request: HttpRequest, shared, payload| {
        let handler = handler_of(handlers, request.method());
        answer(request, shared, payload, handler)
    })
}

/// The handler for `method`. That of `GET` takes `HEAD`, which is answered alike: the connection leaves the body out (RFC 9110 §9.3.2).
fn handler_of(handlers: Handlers, method: &Method) -> Handler {
    let wanted = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let found = handlers.iter().find(|(method, _)| method == wanted);
    found.map_or(|_| Box::pin(wrong_method()), |(_, handler)| *handler)
}

/// What `handler` answers, or the page that says why it does not.
async fn answer(
    request: HttpRequest,
    shared: Data<Shared>,
    payload: Payload,
    handler: Handler,
) -> HttpResponse {
    let call = Call::new(request.clone(), shared.clone(), payload);
    let is_own = request.method().is_safe() || own_origin::is_own(&request, &shared.console);
    let in_route = InRoute::begin(&request);
    let answered = match is_own {
        true => handler(call).await,
        false => Err(Trouble::NotOwn),
    };
    in_route.end();
    answered.unwrap_or_else(|trouble| {
        log(&request, &trouble);
        let acting = request.extensions().get::<Acting>().cloned();
        view::answer(&trouble, acting.as_ref(), where_to_sign_in(&request))
    })
}

/// Once for each fault of the service's.
fn log(request: &HttpRequest, trouble: &Trouble) {
    let Some(cause) = trouble.cause() else { return };
    let mut chain = cause.to_string();
    let mut source = cause.source();
    while let Some(error) = source {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        source = error.source();
    }
    let id = request.extensions().get::<RequestId>().map(ToString::to_string);
    tracing::error!(
        request.id = id,
        error = chain,
        "a page of the console cannot be shown"
    );
}

/// Whoever asked for a page comes back to it.
fn where_to_sign_in(request: &HttpRequest) -> String {
    let place = request.uri().path_and_query().map_or("", |place| place.as_str());
    match paths::within(place).filter(|_| request.method().is_safe()) {
        Some(place) => paths::sign_in_to(place),
        None => paths::SIGN_IN.to_owned(),
    }
}

async fn no_such_page() -> Result<HttpResponse, Trouble> {
    Err(Trouble::NotFound)
}

async fn wrong_method() -> Result<HttpResponse, Trouble> {
    Err(Trouble::WrongMethod)
}
