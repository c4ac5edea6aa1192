//! The table of operations: what each path is about, and what it does for each method. The router, the refusals of other
//! methods (405 with `Allow`), what errors say they are about, and the paths of the document all come from it.

use actix_web::guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};
use utoipa::OpenApi;

use crate::errors::{About, Problem};
use crate::paths;
use crate::request::call::Call;
use crate::request::context;
use crate::request::known::InRoute;
use crate::routes::{self, elsewhere};

/// Of each path: what it is about, and the handler of each method.
macro_rules! operations {
    ($($path:ident of $about:ident: $($method:ident $file:ident::$handler:ident),+;)*) => {
        /// The operations as the document has them: what is said of each stands beside its handler.
        #[derive(OpenApi)]
        #[openapi(paths($($(routes::$file::$handler),+),*))]
        pub(crate) struct Operations;

        /// Every pattern that a path can match.
        const ROUTES: &[&str] = &[$(paths::$path,)* paths::PAGE, paths::PAGE_PART, paths::METRICS];

        fn documented(router: &mut ServiceConfig) {
            $(router.service(
                web::resource(paths::$path)
                    $(.route(
                        taking(Method::$method)
                            .to(|call| about(call, paths::$path, of::$about, routes::$file::$handler)),
                    ))+
                    .default_service(web::to(|call| {
                        about(call, paths::$path, of::$about, async |call| {
                            elsewhere::wrong_method(call, &[$(Method::$method),+]).await
                        })
                    })),
            );)*
        }
    };
}

// A path without parameters stands before what would take its last part for an id.
operations! {
    WEBHOOKS of webhook: GET webhooks::list, POST webhooks::create;
    ACTIONS of webhook: GET actions::list;
    TEST_CONNECTION of webhook: POST probes::test_connection;
    WEBHOOK of webhook: GET webhook::read, PATCH webhook::update, DELETE webhook::delete;
    SECRET_KEY of webhook: PATCH secret_key::roll, DELETE secret_key::remove;
    RETIRED_SECRET_KEY of webhook: PATCH secret_key::set_expiry;
    RESTORE_SECRET_KEY of webhook: POST secret_key::restore;
    CHECK_SECRET_KEY of webhook: POST key_check::check;
    SIGNING_KEY of signing_key: GET signing_keys::read;
    KEY_SET of webhook: GET key_set::read;
    SEND_TEST of webhook: POST probes::send_test;
    SEND_PENALTY_BOX_PAYLOAD of webhook: POST probes::send_penalty_box_payload;
    REPLAY of webhook: POST replay::replay;
    EVENTS of event: POST events::publish;
    WEBHOOK_EVENTS of webhook_event: GET webhook_events::list;
    WEBHOOK_EVENT of webhook_event: GET webhook_events::read;
    RESEND of webhook_event: POST webhook_events::resend;
    GIVE_UP of webhook_event: POST webhook_events::give_up;
    ROTATIONS of rotation: GET rotations::list, POST rotations::start;
    ROTATION of rotation: GET rotations::read;
    ROTATION_WEBHOOKS of rotation: GET rotations::webhooks;
    STOP_ROTATION of rotation: POST rotations::stop;
    API_KEYS of api_key: GET api_keys::list, POST api_keys::create;
    API_KEY of api_key: DELETE api_keys::revoke;
    AUDIT_RECORDS of audit_record: GET audit_records::list;
    LIVE of service: GET health::live;
    READY of service: GET health::ready;
    DOCUMENT of service: GET document::document;
}

/// `pattern` as it is spelt in the table, if it is one of the router's.
pub(crate) fn route(pattern: &str) -> Option<&'static str> {
    ROUTES.iter().copied().find(|route| *route == pattern)
}

/// Tells `router` where each path leads.
pub(crate) fn register(router: &mut ServiceConfig, has_metrics: bool) {
    documented(router);
    let get = || taking(Method::GET);
    // Whether it is here the deployment says, so it is in no document.
    if has_metrics {
        router.service(
            web::resource(paths::METRICS)
                .route(get().to(routes::metrics::metrics))
                .default_service(web::to(not_a_get)),
        );
    }
    // The page is for people, and in no document.
    router
        .service(
            web::resource(paths::PAGE)
                .route(get().to(routes::document::to_page))
                .default_service(web::to(not_a_get)),
        )
        .service(
            web::resource(paths::PAGE_PART)
                .route(get().to(routes::document::page))
                .default_service(web::to(not_a_get)),
        );
}

async fn not_a_get(call: Call) -> Result<HttpResponse, Problem> {
    elsewhere::wrong_method(call, &[Method::GET]).await
}

/// A route for `method`. One for `GET` takes `HEAD`, which is answered alike: the connection leaves the body out
/// (RFC 9110 §9.3.2).
fn taking(method: Method) -> Route {
    let is_read = method == Method::GET;
    let taken = guard::Method(method);
    match is_read {
        true => web::route().guard(guard::Any(taken).or(guard::Head())),
        false => web::route().guard(taken),
    }
}

/// What `handler` answers to `call`, which has come to `route`. An error says what the request's path is about.
async fn about(
    call: Call,
    route: &'static str,
    about: fn(&HttpRequest) -> About,
    handler: impl AsyncFnOnce(Call) -> Result<HttpResponse, Problem>,
) -> Result<HttpResponse, Problem> {
    let about = about(&call.request);
    let in_route = InRoute::begin(&call.core, &call.request, route);
    let answered = handler(call).await;
    in_route.end();
    answered.map_err(|problem| problem.about(about))
}

/// What a path is about, with the id that stands in it.
mod of {
    use super::{About, HttpRequest, context};

    pub(super) fn webhook(request: &HttpRequest) -> About {
        About::Webhook(context::webhook_id(request).ok())
    }

    pub(super) fn api_key(request: &HttpRequest) -> About {
        About::ApiKey(context::api_key_id(request).ok())
    }

    pub(super) fn rotation(request: &HttpRequest) -> About {
        About::Rotation(context::rotation_id(request).ok())
    }

    pub(super) fn webhook_event(request: &HttpRequest) -> About {
        About::WebhookEvent(context::delivery_id(request).ok())
    }

    pub(super) fn event(_: &HttpRequest) -> About {
        About::Event
    }

    pub(super) fn signing_key(_: &HttpRequest) -> About {
        About::SigningKey
    }

    pub(super) fn audit_record(_: &HttpRequest) -> About {
        About::AuditRecord
    }

    pub(super) fn service(_: &HttpRequest) -> About {
        About::default()
    }
}
