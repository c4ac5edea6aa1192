//! Waiting for several futures at once, without a runtime.

use std::future::poll_fn;
use std::task::Poll;

/// Starts every one of `futures` before it waits for any, and gives their outputs in the same order. Each is
/// asked again whenever one wakes, so this is for tens of them and not for thousands.
pub(crate) async fn concurrently<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in waiting.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if outputs.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_future_is_started_before_one_is_waited_for() {
        let barrier = &tokio::sync::Barrier::new(3);
        let arrive = |n: i32| async move {
            barrier.wait().await;
            n
        };
        assert_eq!(concurrently([1, 2, 3].map(arrive)).await, [1, 2, 3]);
        assert_eq!(concurrently([(); 0].map(|()| arrive(0))).await, Vec::<i32>::new());
    }
}
