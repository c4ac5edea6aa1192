//! A request in its route, for a front that is served beside another: whoever serves both is told if the route does not come to answer.

use std::rc::Rc;

use actix_web::{HttpMessage as _, HttpRequest};

/// What is to be done with a request whose route does not come to answer it. Whoever serves a front leaves it among the request's extensions.
#[derive(Clone)]
pub struct OnAbandoned(pub Rc<dyn Fn(&HttpRequest)>);

/// The pattern of the path that a request has, for those who are told of it: left among its extensions by a front that finds its routes
/// itself.
#[derive(Debug, Clone, Copy)]
pub struct RoutePattern(pub &'static str);

/// A request in its route. If this is dropped before the route has answered, the connection broke, or the process ends.
pub struct InRoute {
    request: HttpRequest,
    is_over: bool,
}

impl InRoute {
    /// `request` has come to its route.
    #[must_use]
    pub fn begin(request: &HttpRequest) -> Self {
        Self {
            request: request.clone(),
            is_over: false,
        }
    }

    /// The route has answered.
    pub fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for InRoute {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let told = self.request.extensions().get::<OnAbandoned>().cloned();
        if let Some(OnAbandoned(tell)) = told {
            tell(&self.request);
        }
    }
}
