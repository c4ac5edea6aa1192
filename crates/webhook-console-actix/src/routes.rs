//! The table of pages: the handler of each method at each path. A handler begins with who is signed in; what is not in the table is not
//! found.

use actix_web::http::Method;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Route, guard};
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

/// Of each path: the handler of each method.
macro_rules! pages {
    ($($path:literal: $($method:ident $handler:path),+;)*) => {
        /// The patterns of all paths, for those who are told of requests.
        pub const ROUTES: &[&str] = &[$(concat!("/console", $path)),*];

        /// Tells `router` where each path leads.
        pub(crate) fn register(router: &mut ServiceConfig) {
            $(router.service(
                web::resource($path)
                    $(.route(taking(Method::$method).to(|request, shared, payload| {
                        answer(request, shared, payload, $handler)
                    })))+
                    .default_service(web::to(|request, shared, payload| {
                        answer(request, shared, payload, wrong_method)
                    })),
            );)*
        }
    };
}

pages! {
    "": GET home::to_home;
    "/": GET home::home;
    "/assets/{name}": GET static_files::read;
    "/sign-in": GET sign_in::show, POST sign_in::sign_in;
    "/sign-out": POST sign_in::sign_out;
    "/platform": GET home::choose_platform;
    "/p/{platform}/": GET overview::show;
    "/p/{platform}/stopping": GET overview::needs::stopping;
    "/p/{platform}/roll-due": GET overview::needs::roll_due;
    "/p/{platform}/webhooks": GET webhooks::list::show;
    "/p/{platform}/webhooks/new": GET webhooks::edit::new, POST webhooks::edit::create;
    "/p/{platform}/webhooks/{id}/edit": GET webhooks::edit::edit, POST webhooks::edit::update;
    "/p/{platform}/webhooks/{id}": GET webhooks::show::show;
    "/p/{platform}/webhooks/{id}/delete": GET webhooks::delete::ask, POST webhooks::delete::delete;
    "/p/{platform}/webhooks/{id}/test": POST webhooks::test::send;
    "/p/{platform}/webhooks/{id}/roll": GET secrets::roll::preview, POST secrets::roll::roll;
    "/p/{platform}/webhooks/{id}/check": POST secrets::check::check;
    "/p/{platform}/webhooks/{id}/reveal": POST secrets::reveal::reveal;
    "/p/{platform}/webhooks/{id}/restore": GET secrets::restore::ask, POST secrets::restore::restore;
    "/p/{platform}/webhooks/{id}/remove-secret": GET secrets::remove::ask, POST secrets::remove::remove;
    "/p/{platform}/webhooks/{id}/retired/{fingerprint}": GET secrets::retired::ask, POST secrets::retired::set;
    "/p/{platform}/webhooks/{id}/penalty-box": GET penalty_box::show::show, POST penalty_box::send::send;
    "/p/{platform}/webhooks/{id}/replay": GET deliveries::replay::ask, POST deliveries::replay::replay;
    "/p/{platform}/penalty-box": GET penalty_box::list::show;
    "/p/{platform}/actions": GET actions::list::show;
    "/p/{platform}/deliveries": GET deliveries::list::show;
    "/p/{platform}/deliveries/{id}": GET deliveries::show::show;
    "/p/{platform}/deliveries/{id}/body": GET deliveries::body::read;
    "/p/{platform}/deliveries/{id}/resend": GET deliveries::resend::ask, POST deliveries::resend::resend;
    "/p/{platform}/deliveries/{id}/give-up": GET deliveries::give_up::ask, POST deliveries::give_up::give_up;
    "/p/{platform}/api-keys": GET api_keys::list::show;
    "/p/{platform}/api-keys/new": GET api_keys::create::ask, POST api_keys::create::create;
    "/p/{platform}/api-keys/{id}/revoke": GET api_keys::revoke::ask, POST api_keys::revoke::revoke;
    "/p/{platform}/campaigns": GET campaigns::list::show;
    "/p/{platform}/campaigns/plan": GET campaigns::plan::ask;
    "/p/{platform}/campaigns/start": POST campaigns::start::start;
    "/p/{platform}/campaigns/{id}": GET campaigns::show::show;
    "/p/{platform}/campaigns/{id}/progress": GET campaigns::show::progress;
    "/p/{platform}/campaigns/{id}/stop": GET campaigns::stop::ask, POST campaigns::stop::stop;
    "/p/{platform}/leaks": GET leaks::look_up::ask, POST leaks::look_up::look_up;
    "/p/{platform}/leaks/{fingerprint}": GET leaks::show::show;
    "/p/{platform}/audit": GET audit::list::show;
    "/p/{platform}/audit/verify": GET audit::verify::ask, POST audit::verify::verify;
    "/p/{platform}/audit/{id}": GET audit::show::show;
}

/// What all other paths lead to.
pub(crate) fn nowhere() -> Route {
    web::to(|request, shared, payload| answer(request, shared, payload, no_such_page))
}

/// A route for `method`. One for `GET` takes `HEAD`, which is answered alike: the connection leaves the body out (RFC 9110 §9.3.2).
fn taking(method: Method) -> Route {
    let is_read = method == Method::GET;
    let taken = guard::Method(method);
    match is_read {
        true => web::route().guard(guard::Any(taken).or(guard::Head())),
        false => web::route().guard(taken),
    }
}

/// What `handler` answers, or the page that says why it does not.
async fn answer(
    request: HttpRequest,
    shared: Data<Shared>,
    payload: Payload,
    handler: impl AsyncFnOnce(Call) -> Result<HttpResponse, Trouble>,
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

async fn no_such_page(_: Call) -> Result<HttpResponse, Trouble> {
    Err(Trouble::NotFound)
}

async fn wrong_method(_: Call) -> Result<HttpResponse, Trouble> {
    Err(Trouble::WrongMethod)
}
