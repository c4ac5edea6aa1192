//! Which path leads where.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};

use crate::api::Core;
use crate::observe::observe;
use crate::routes::{elsewhere, health, secret_key, webhooks};

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
    App::new()
        .app_data(core.clone())
        .service(
            web::scope("/v1")
                .service(
                    web::resource("/webhooks")
                        .route(web::post().to(webhooks::create))
                        .default_service(web::to(webhooks::wrong_method)),
                )
                .service(
                    web::resource("/webhooks/{id}")
                        .route(web::get().to(webhooks::read))
                        .default_service(web::to(webhooks::wrong_method_on_one)),
                )
                .service(
                    web::resource("/webhooks/{id}/secret-key")
                        .route(web::patch().to(secret_key::roll))
                        .route(web::delete().to(secret_key::remove))
                        .default_service(web::to(secret_key::wrong_method)),
                )
                .default_service(web::to(elsewhere::no_such_path)),
        )
        .service(
            web::resource("/health/live")
                .route(web::get().to(health::live))
                .route(web::head().to(health::live))
                .default_service(web::to(health::wrong_method)),
        )
        .service(
            web::resource("/health/ready")
                .route(web::get().to(health::ready))
                .route(web::head().to(health::ready))
                .default_service(web::to(health::wrong_method)),
        )
        .default_service(web::to(elsewhere::no_such_path))
        .wrap(from_fn(move |request, next| {
            observe(observed.clone(), request, next)
        }))
}
