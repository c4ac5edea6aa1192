//! The trace that an event was published in goes with each attempt, as it came.

use webhook_domain::delivery::trace::TraceContext;
use webhook_domain::ports::Parcel;

use super::scene::*;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The headers of a trace in what was sent.
fn trace_of(parcel: &Parcel) -> Vec<(&'static str, &str)> {
    let headers = parcel.headers.iter();
    let of_trace = headers.filter(|(name, _)| name.starts_with("trace"));
    of_trace.map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn the_trace_of_an_event_goes_with_each_attempt_and_with_no_other_event() {
    let scene = Scene::new().await.answering([answered(500)]);
    let webhook = scene.webhook().await;
    let trace = TraceContext::parse(TRACEPARENT, ["rojo=1", "congo=2"]);
    let parent = trace.as_ref().unwrap().parent;
    scene.publish_in(trace).await;
    scene.publish_in(TraceContext::parse(TRACEPARENT, [])).await;
    scene.publish().await;
    let (dispatch, mut worker) = (scene.dispatch(), scene.worker(webhook.id));
    let (_, turn) = worker.step(&dispatch, |_, _| true).await.unwrap();
    assert_eq!(turn.unwrap().trace, Some(parent));
    scene.clock.advance(std::time::Duration::from_secs(3600));
    // Another task goes on, which knows what is stored alone.
    scene.work(&mut scene.worker(webhook.id)).await;
    let got = scene.receiver.got.lock().unwrap();
    let both = vec![("traceparent", TRACEPARENT), ("tracestate", "rojo=1,congo=2")];
    let sent: Vec<_> = got.iter().map(trace_of).collect();
    assert_eq!(
        sent,
        [both.clone(), both, vec![("traceparent", TRACEPARENT)], vec![]]
    );
}
