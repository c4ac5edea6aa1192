//! The table of operations: what each path is about, and what it does for each method. The router, the refusals of other
//! methods (405 with `Allow`), what errors say they are about, and the paths of the document all come from it.

use std::pin::Pin;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::Method;
use matchit::Router;
use utoipa::OpenApi;

use crate::errors::{About, Problem};
use crate::paths;
use crate::request::call::{Call, Parts};
use crate::request::known::InRoute;
use crate::routes::{self, elsewhere};

/// What answers at one path by one method.
type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<HttpResponse, Problem>>>>;

/// One path of the API.
struct Endpoint {
    /// As all are told of it.
    pattern: &'static str,
    /// What errors say that a request for it is about.
    about: fn(&Call) -> About,
    /// The methods that it takes.
    methods: &'static [Method],
    /// What answers by each of them, in the same order.
    handlers: &'static [Handler],
}

impl Endpoint {
    /// What answers by `method`. What does by `GET` takes `HEAD`, which is answered alike: the connection leaves the body out
    /// (RFC 9110 §9.3.2).
    fn handler(&self, method: &Method) -> Option<Handler> {
        let wanted = match *method {
            Method::HEAD => &Method::GET,
            _ => method,
        };
        let taken = self.methods.iter().position(|taken| taken == wanted)?;
        self.handlers.get(taken).copied()
    }
}

/// An endpoint in a table.
macro_rules! endpoint {
    ($path:ident of $about:ident: $($method:ident $file:ident::$handler:ident),+) => {
        Endpoint {
            pattern: paths::$path,
            about: of::$about,
            methods: &[$(Method::$method),+],
            handlers: &[$(|call| Box::pin(routes::$file::$handler(call))),+],
        }
    };
}

/// Of each path: what it is about, and the handler of each method.
macro_rules! operations {
    ($($path:ident of $about:ident: $($method:ident $file:ident::$handler:ident),+;)*) => {
        /// The operations as the document has them: what is said of each stands beside its handler.
        #[derive(OpenApi)]
        #[openapi(paths($($(routes::$file::$handler),+),*))]
        pub(crate) struct Operations;

        static DOCUMENTED: &[Endpoint] = &[$(endpoint!($path of $about: $($method $file::$handler),+)),*];
    };
}

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

/// What is in no document: whether the metrics are here the deployment says, and the page is for people.
static BESIDE_THE_DOCUMENT: &[Endpoint] = &[
    endpoint!(METRICS of service: GET metrics::metrics),
    endpoint!(PAGE of service: GET document::to_page),
    endpoint!(PAGE_FOLDER of service: GET document::page),
    endpoint!(PAGE_PART of service: GET document::page),
];

/// Where each path leads, for all workers: the framework's router would be there once for each, with a regular expression
/// for each path that has a name in it. Where a path fits two patterns, words come before names.
static ROUTER: LazyLock<Router<&'static Endpoint>> = LazyLock::new(|| {
    let mut router = Router::new();
    for endpoint in DOCUMENTED.iter().chain(BESIDE_THE_DOCUMENT) {
        if let Err(error) = router.insert(endpoint.pattern, endpoint) {
            unreachable!(
                "no two paths of the tables are one: {}: {error}",
                endpoint.pattern
            );
        }
    }
    router
});

/// What the handler of the request's path and method answers, or why there is none. An error says what the path is about.
pub(crate) async fn answer(mut call: Call) -> Result<HttpResponse, Problem> {
    let Some((endpoint, parts)) = find(&call) else {
        return elsewhere::no_such_path(call).await;
    };
    call.parts = parts;
    let about = (endpoint.about)(&call);
    let in_route = InRoute::begin(&call.core, &call.request, endpoint.pattern);
    let answered = match endpoint.handler(call.request.method()) {
        Some(handler) => handler(call).await,
        None => elsewhere::wrong_method(call, endpoint.methods).await,
    };
    in_route.end();
    answered.map_err(|problem| problem.about(about))
}

/// The endpoint of the request's path, and what the path names.
fn find(call: &Call) -> Option<(&'static Endpoint, Parts)> {
    let found = ROUTER.at(call.request.match_info().as_str()).ok()?;
    let endpoint = *found.value;
    if endpoint.pattern == paths::METRICS && call.api().monitoring.metrics.is_none() {
        return None;
    }
    let parts = found.params.iter().map(|(name, part)| (name, part.to_owned()));
    let parts: Parts = parts.collect();
    // The router takes nothing for a name if something follows.
    let is_whole = parts.iter().all(|(_, part)| !part.is_empty());
    is_whole.then_some((endpoint, parts))
}

/// What a path is about, with the id that stands in it.
mod of {
    use super::{About, Call};

    pub(super) fn webhook(call: &Call) -> About {
        About::Webhook(call.webhook_id().ok())
    }

    pub(super) fn api_key(call: &Call) -> About {
        About::ApiKey(call.api_key_id().ok())
    }

    pub(super) fn rotation(call: &Call) -> About {
        About::Rotation(call.rotation_id().ok())
    }

    pub(super) fn webhook_event(call: &Call) -> About {
        About::WebhookEvent(call.delivery_id().ok())
    }

    pub(super) fn event(_: &Call) -> About {
        About::Event
    }

    pub(super) fn signing_key(_: &Call) -> About {
        About::SigningKey
    }

    pub(super) fn audit_record(_: &Call) -> About {
        About::AuditRecord
    }

    pub(super) fn service(_: &Call) -> About {
        About::default()
    }
}
