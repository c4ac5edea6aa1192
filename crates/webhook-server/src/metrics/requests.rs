//! Requests that the API has answered.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use webhook_http_actix::{Answered, ObservedRequest, RequestObserver};

use super::buckets;

/// The API gives methods and routes from closed lists, and its statuses are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    http_request_method: &'static str,
    http_route: &'static str,
    http_response_status_code: u16,
}

/// How long answers took.
pub(super) struct RequestMetrics {
    durations: Family<Labels, Histogram>,
}

impl RequestMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let durations =
            Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(buckets::REQUEST));
        registry.register_with_unit(
            "http_server_request_duration",
            "How long the API took to answer, from the complete head of a request on",
            Unit::Seconds,
            durations.clone(),
        );
        Self { durations }
    }
}

impl RequestObserver for RequestMetrics {
    fn answered(&self, request: &ObservedRequest<'_>, answer: &Answered<'_>) {
        let labels = Labels {
            http_request_method: request.method,
            http_route: request.route,
            http_response_status_code: answer.status,
        };
        self.durations
            .get_or_create(&labels)
            .observe(request.took.as_secs_f64());
    }
}
