//! The API as an actix application.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};

use crate::api::Core;
use crate::observe::observe;
use crate::openapi::openapi_json;
use crate::operations;
use crate::routes::document::DocumentText;
use crate::routes::elsewhere;

/// The API as an actix application: for a server's workers, and for tests in process (`actix_web::test`).
#[must_use]
pub fn app(
    core: &web::Data<Core>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let observed = core.clone();
    let has_metrics = core.api.monitoring.metrics.is_some();
    App::new()
        .app_data(core.clone())
        .app_data(DocumentText(openapi_json))
        .configure(|router| operations::register(router, has_metrics))
        .default_service(web::to(elsewhere::no_such_path))
        .wrap(from_fn(move |request, next| {
            observe(observed.clone(), request, next)
        }))
}
