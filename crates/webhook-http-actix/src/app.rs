//! The API as an actix application.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};

use crate::api::Core;
use crate::beside::Beside;
use crate::observe::observe;
use crate::openapi::openapi_json;
use crate::operations;
use crate::routes::document::DocumentText;

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
    app_beside(core, &Arc::default())
}

/// The same, with `fronts` beside it.
#[must_use]
pub fn app_beside(
    core: &web::Data<Core>,
    fronts: &Arc<[Beside]>,
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
    let known = Arc::clone(fronts);
    App::new()
        .app_data(core.clone())
        .app_data(DocumentText(openapi_json))
        .configure(|router| {
            for front in fronts.iter() {
                (front.configure)(router);
            }
        })
        .default_service(web::to(operations::answer))
        .wrap(from_fn(move |request, next| {
            observe(observed.clone(), Arc::clone(&known), request, next)
        }))
}
