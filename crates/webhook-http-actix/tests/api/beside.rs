//! Another front on the API's address, as those who are told of requests see it.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use actix_web::dev::Service as _;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use webhook_domain::testing::fixtures;
use webhook_front_actix::{InRoute, RoutePattern};
use webhook_http_actix::{
    Answered, Api, Beside, Core, HttpLimits, Monitoring, ObservedRequest, RequestObserver, app_beside,
};

use crate::test_service::TestService;

/// What it was told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn tell(&self, what: &str, request: &ObservedRequest<'_>) {
        let whose = request.platform.map_or("nobody", |platform| platform.as_str());
        let told = format!("{what} {} {} of {whose}", request.method, request.route);
        self.0.lock().unwrap().push(told);
    }
}

impl RequestObserver for Told {
    fn answered(&self, request: &ObservedRequest<'_>, _: &Answered<'_>) {
        self.tell("answered", request);
    }

    fn abandoned(&self, request: &ObservedRequest<'_>) {
        self.tell("abandoned", request);
    }
}

/// Says where it came to, and answers.
async fn at(pattern: &'static str, request: HttpRequest) -> HttpResponse {
    request.extensions_mut().insert(RoutePattern(pattern));
    HttpResponse::Ok().finish()
}

async fn never(request: HttpRequest) -> HttpResponse {
    request.extensions_mut().insert(RoutePattern("/front/{id}/slow"));
    let in_route = InRoute::begin(&request);
    request
        .extensions_mut()
        .insert(fixtures::acting(&fixtures::acme()));
    let () = pending().await;
    in_route.end();
    HttpResponse::Ok().finish()
}

fn front() -> Beside {
    Beside {
        routes: vec!["/front", "/front/{id}/slow"],
        configure: Arc::new(|router: &mut ServiceConfig| {
            router
                .route("/front", web::get().to(|request| at("/front", request)))
                .route(
                    "/front/x",
                    web::get().to(|request| at("/none/of/its/own", request)),
                )
                .route("/front/{id}/slow", web::post().to(never));
        }),
    }
}

#[actix_web::test]
async fn a_request_that_another_front_does_not_come_to_answer_is_told_as_abandoned() {
    let told = Arc::new(Told::default());
    let monitoring = Monitoring {
        requests: vec![told.clone()],
        ..Monitoring::default()
    };
    let api = Api {
        monitoring,
        ..TestService::new().api
    };
    let core = Core::new(api, HttpLimits::default());
    let service = init_service(app_beside(&core, &Arc::from([front()]))).await;
    for (request, expected) in [
        (TestRequest::get().uri("/front"), "answered GET /front of nobody"),
        (
            TestRequest::post().uri("/front/1/slow"),
            "abandoned POST /front/{id}/slow of acme",
        ),
        (
            TestRequest::get().uri("/front/x"),
            "answered GET _OTHER of nobody",
        ),
        (
            TestRequest::get().uri("/frontier"),
            "answered GET _OTHER of nobody",
        ),
    ] {
        let mut answer = Box::pin(service.call(request.to_request()));
        let answered = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // The connection breaks.
        drop((answer, answered));
        assert_eq!(std::mem::take(&mut *told.0.lock().unwrap()), [expected]);
    }
}
