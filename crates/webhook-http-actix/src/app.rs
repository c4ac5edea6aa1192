//! Which path leads where.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use actix_web::{App, Error, Route, guard, web};

use crate::api::Core;
use crate::observe::observe;
use crate::routes::{
    actions, api_keys, audit_records, document, elsewhere, events, health, probes, secret_key, webhook,
    webhook_events, webhooks,
};

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
                .configure(webhook_paths)
                .configure(event_paths)
                .configure(key_and_audit_paths)
                .default_service(web::to(elsewhere::no_such_path)),
        )
        .service(
            web::resource("/health/live")
                .route(get().to(health::live))
                .default_service(web::to(health::wrong_method)),
        )
        .service(
            web::resource("/health/ready")
                .route(get().to(health::ready))
                .default_service(web::to(health::wrong_method)),
        )
        .configure(document_paths)
        .default_service(web::to(elsewhere::no_such_path))
        .wrap(from_fn(move |request, next| {
            observe(observed.clone(), request, next)
        }))
}

/// `GET`, and `HEAD`, which is answered alike: the connection leaves the body out (RFC 9110 §9.3.2).
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn webhook_paths(paths: &mut ServiceConfig) {
    paths
        .service(
            web::resource("/webhooks")
                .route(get().to(webhooks::list))
                .route(web::post().to(webhooks::create))
                .default_service(web::to(webhooks::wrong_method)),
        )
        // Before what would take it for a webhook's id.
        .service(
            web::resource("/webhooks/actions")
                .route(get().to(actions::list))
                .default_service(web::to(actions::wrong_method)),
        )
        .service(
            web::resource("/webhooks/test-connection")
                .route(web::post().to(probes::test_connection))
                .default_service(web::to(probes::wrong_method)),
        )
        .service(
            web::resource("/webhooks/{resourceId}/send-test")
                .route(web::post().to(probes::send_test))
                .default_service(web::to(probes::wrong_method)),
        )
        .service(
            web::resource("/webhooks/{resourceId}/send-penalty-box-payload")
                .route(web::post().to(probes::send_penalty_box_payload))
                .default_service(web::to(probes::wrong_method)),
        )
        .service(
            web::resource("/webhooks/{resourceId}")
                .route(get().to(webhook::read))
                .route(web::patch().to(webhook::update))
                .route(web::delete().to(webhook::delete))
                .default_service(web::to(webhook::wrong_method)),
        )
        .service(
            web::resource("/webhooks/{resourceId}/secret-key")
                .route(web::patch().to(secret_key::roll))
                .route(web::delete().to(secret_key::remove))
                .default_service(web::to(secret_key::wrong_method)),
        );
}

fn event_paths(paths: &mut ServiceConfig) {
    paths
        .service(
            web::resource("/events")
                .route(web::post().to(events::publish))
                .default_service(web::to(events::wrong_method)),
        )
        .service(
            web::resource("/webhook-events")
                .route(get().to(webhook_events::list))
                .default_service(web::to(webhook_events::wrong_method)),
        )
        .service(
            web::resource("/webhook-events/{id}")
                .route(get().to(webhook_events::read))
                .default_service(web::to(webhook_events::wrong_method_on_one)),
        )
        .service(
            web::resource("/webhook-events/{id}/resend")
                .route(web::post().to(webhook_events::resend))
                .default_service(web::to(webhook_events::wrong_method_on_resend)),
        );
}

fn key_and_audit_paths(paths: &mut ServiceConfig) {
    paths
        .service(
            web::resource("/api-keys")
                .route(get().to(api_keys::list))
                .route(web::post().to(api_keys::create))
                .default_service(web::to(api_keys::wrong_method)),
        )
        .service(
            web::resource("/api-keys/{id}")
                .route(web::delete().to(api_keys::revoke))
                .default_service(web::to(api_keys::wrong_method_on_one)),
        )
        .service(
            web::resource("/audit-records")
                .route(get().to(audit_records::list))
                .default_service(web::to(audit_records::wrong_method)),
        );
}

fn document_paths(paths: &mut ServiceConfig) {
    paths
        .service(
            web::resource("/openapi.json")
                .route(get().to(document::document))
                .default_service(web::to(document::wrong_method)),
        )
        .service(
            web::resource("/docs")
                .route(get().to(document::to_page))
                .default_service(web::to(document::wrong_method)),
        )
        .service(
            web::resource("/docs/{file:.*}")
                .route(get().to(document::page))
                .default_service(web::to(document::wrong_method)),
        );
}
