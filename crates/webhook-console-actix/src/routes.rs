//! The table of pages: the handler of each method at each path. A handler begins with who is signed in; what is not in the table is not
//! found.

use std::pin::Pin;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Route};
use matchit::Router;
use webhook_domain::access::caller::Acting;
use webhook_domain::id::RequestId;
use webhook_front_actix::{InRoute, RoutePattern};

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
/// The pattern of a path, as all are told of it, and what answers there.
type Page = (&'static str, Handlers);

/// Of each path below a prefix: the handler of each method.
macro_rules! pages {
    ($pages:ident below $prefix:literal: $($path:literal: $($method:ident $handler:path),+;)*) => {
        static $pages: &[Page] = &[$((
            concat!("/console", $prefix, $path),
            &[$((Method::$method, |call| Box::pin($handler(call)))),+],
        )),*];
    };
}

pages! { OF_ALL below "":
    "": GET home::to_home;
    "/": GET home::home;
    "/assets/{name}": GET static_files::read;
    "/sign-in": GET sign_in::show, POST sign_in::sign_in;
    "/sign-out": POST sign_in::sign_out;
    "/platform": GET home::choose_platform;
}

pages! { OF_PLATFORM below "/p/{platform}":
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

pages! { OF_WEBHOOK below "/p/{platform}/webhooks/{id}":
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

pages! { OF_DELIVERY below "/p/{platform}/deliveries/{id}":
    "": GET deliveries::show::show;
    "/body": GET deliveries::body::read;
    "/resend": GET deliveries::resend::ask, POST deliveries::resend::resend;
    "/give-up": GET deliveries::give_up::ask, POST deliveries::give_up::give_up;
}

pages! { OF_CAMPAIGN below "/p/{platform}/campaigns/{id}":
    "": GET campaigns::show::show;
    "/progress": GET campaigns::show::progress;
    "/stop": GET campaigns::stop::ask, POST campaigns::stop::stop;
}

/// Where each path leads. The framework's router would be there once for each worker, with a regular expression for each path that has a
/// name in it; this one is for all of them, and made when somebody looks at a page. Where a path fits two patterns, words come before names.
static ROUTER: LazyLock<Router<Page>> = LazyLock::new(|| {
    let mut router = Router::new();
    for page in pages() {
        if let Err(error) = router.insert(page.0, page) {
            unreachable!("no two paths of the table are one: {}: {error}", page.0);
        }
    }
    router
});

fn pages() -> impl Iterator<Item = Page> {
    let all = [OF_ALL, OF_PLATFORM, OF_WEBHOOK, OF_DELIVERY, OF_CAMPAIGN];
    all.into_iter().flatten().copied()
}

/// The patterns of all paths, for those who are told of requests.
#[must_use]
pub fn routes() -> Vec<&'static str> {
    pages().map(|(pattern, _)| pattern).collect()
}

/// What all paths lead to.
pub(crate) fn every_page() -> Route {
    web::to(answer)
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

/// What the handler of the request's path and method answers, or the page that says why it does not.
async fn answer(request: HttpRequest, shared: Data<Shared>, payload: Payload) -> HttpResponse {
    let mut parts = Vec::new();
    let mut handler: Handler = |_| Box::pin(no_such_page());
    // The router takes nothing for a name if something follows.
    if let Ok(found) = ROUTER.at(request.match_info().as_str())
        && found.params.iter().all(|(_, part)| !part.is_empty())
    {
        let (pattern, handlers) = *found.value;
        request.extensions_mut().insert(RoutePattern(pattern));
        handler = handler_of(handlers, request.method());
        let named = found.params.iter();
        parts.extend(named.map(|(name, part)| (name.to_owned(), part.to_owned())));
    }
    let call = Call::new(request.clone(), shared.clone(), payload, parts);
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
