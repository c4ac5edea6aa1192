//! Another front on the API's address. The API knows neither it nor what it serves.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::web::ServiceConfig;

/// A front that is served beside the API, by the same server. It is asked before the API, so none of its paths may be one of the API's.
///
/// It finds the id of each request in the request's extensions, as a [`RequestId`](webhook_domain::id::RequestId). If it leaves an [`Acting`](webhook_domain::access::caller::Acting) there, those who are
/// told of requests know whose the request was, and if it leaves a [`RoutePattern`](webhook_front_actix::RoutePattern), which of the
/// [`routes`](Self::routes) it came to; and they know of one that is not answered if its route is [begun](webhook_front_actix::InRoute).
#[derive(Clone)]
pub struct Beside {
    /// The patterns of its paths, for those who are told of requests. All begin with the first.
    pub routes: Vec<&'static str>,
    /// Tells the router where its paths lead. Called once for each worker.
    pub configure: Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>,
}

impl Beside {
    /// Whether `request` is on its way to one of these fronts.
    pub(crate) fn is_entered(fronts: &[Self], request: &ServiceRequest) -> bool {
        let roots = fronts.iter().filter_map(|front| front.routes.first());
        roots.into_iter().any(|root| request.path().starts_with(root))
    }

    /// `pattern` as one of these fronts spells it, if it is one of theirs.
    pub(crate) fn route(fronts: &[Self], pattern: &str) -> Option<&'static str> {
        let mut routes = fronts.iter().flat_map(|front| &front.routes);
        routes.find(|route| **route == pattern).copied()
    }
}
