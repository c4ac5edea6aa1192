//! What is known of a request while it is answered, for whoever is told of its end. A route does not have to hand it on: it travels with
//! the request.

use std::cell::Ref;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Extensions;
use actix_web::{HttpMessage as _, HttpRequest, web};
use webhook_domain::access::caller::{Acting, Caller};
use webhook_domain::id::{PlatformId, RequestId};

use crate::api::Core;
use crate::monitoring::ObservedRequest;

/// What is known of a request, from its beginning on. It travels with the request.
pub(crate) struct Known {
    id: RequestId,
    method: &'static str,
    begun: Instant,
    /// Where it is being answered.
    route: Option<&'static str>,
    /// Whose it is.
    caller: Option<Arc<Caller>>,
    /// The platform that it acts on.
    platform: Option<PlatformId>,
}

impl Known {
    /// A request with this id and method that has begun.
    pub(crate) const fn new(id: RequestId, method: &'static str, begun: Instant) -> Self {
        Self {
            id,
            method,
            begun,
            route: None,
            caller: None,
            platform: None,
        }
    }

    /// What is known of `request`. None if nobody has begun to follow it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Ref<'_, Self>> {
        Ref::filter_map(request.extensions(), Extensions::get::<Self>).ok()
    }

    /// The request's id.
    pub(crate) const fn id(&self) -> &RequestId {
        &self.id
    }

    /// Where it is being answered, once that is known.
    pub(crate) const fn route(&self) -> Option<&'static str> {
        self.route
    }

    /// Notes whose `request` is and what it acts on, if another front has left that there.
    pub(crate) fn note_acting(request: &HttpRequest) {
        let acting = request.extensions().get::<Acting>().cloned();
        if let Some(acting) = acting {
            Self::note_caller(request, acting.caller());
            Self::note_platform(request, acting.platform());
        }
    }

    /// Notes whose `request` is.
    pub(crate) fn note_caller(request: &HttpRequest, caller: &Arc<Caller>) {
        Self::change(request, |known| known.caller = Some(Arc::clone(caller)));
    }

    /// Notes the platform that `request` acts on.
    pub(crate) fn note_platform(request: &HttpRequest, platform: &PlatformId) {
        Self::change(request, |known| known.platform = Some(platform.clone()));
    }

    fn change(request: &HttpRequest, change: impl FnOnce(&mut Self)) {
        if let Some(known) = request.extensions_mut().get_mut::<Self>() {
            change(known);
        }
    }

    /// Tells observers that `request` is not answered in its `route`.
    pub(crate) fn tell_of_abandoned(core: &Core, request: &HttpRequest, route: &'static str) {
        if let Some(known) = Self::of(request) {
            let request = known.observed(core, request, route);
            for observer in &core.api.monitoring.requests {
                observer.abandoned(&request);
            }
        }
    }

    /// The request as observers are told of it.
    pub(crate) fn observed<'a>(
        &'a self,
        core: &'a Core,
        request: &'a HttpRequest,
        route: &'static str,
    ) -> ObservedRequest<'a> {
        ObservedRequest {
            platform: self.platform.as_ref(),
            credential: self.caller.as_ref().map(|caller| &caller.credential),
            http: Some(request),
            trusted_proxies: &core.limits.front.trusted_proxies,
            ..ObservedRequest::new(self.method, route, self.begun.elapsed(), &self.id)
        }
    }
}

/// A request in its route. If this is dropped before the route has answered, the connection broke, or the process ends, and observers
/// are told so. A client that merely closes its side has its request answered like any other.
pub(crate) struct InRoute {
    core: web::Data<Core>,
    request: HttpRequest,
    route: &'static str,
    is_over: bool,
}

impl InRoute {
    /// `request` has come to its `route`.
    pub(crate) fn begin(core: &web::Data<Core>, request: &HttpRequest, route: &'static str) -> Self {
        Known::change(request, |known| known.route = Some(route));
        Self {
            core: core.clone(),
            request: request.clone(),
            route,
            is_over: false,
        }
    }

    /// The route has answered.
    pub(crate) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for InRoute {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        Known::tell_of_abandoned(&self.core, &self.request, self.route);
    }
}
