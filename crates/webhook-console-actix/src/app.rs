//! The console as routes of an actix application.

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};

use crate::console::Shared;
use crate::{headers, routes};

/// Tells `router` of the console. What is shared must be the same for all workers of a server. Each request must have its
/// [`RequestId`](webhook_domain::id::RequestId) among its extensions.
pub fn configure(router: &mut ServiceConfig, shared: &Arc<Shared>) {
    let shared = Data::from(Arc::clone(shared));
    router.service(
        web::scope(routes::PREFIX)
            .app_data(shared)
            .default_service(routes::every_page())
            .wrap(from_fn(headers::add)),
    );
}
