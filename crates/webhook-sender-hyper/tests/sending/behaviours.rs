//! Receivers as they are: what each of many behaviours is taken for, and whether its connection is used again.
//!
//! Each [row](crate::rows) is a receiver that does as its script says, connection by connection. It is sent two deliveries, one after the
//! other.

use std::time::Duration;

use tokio::time::sleep;
use webhook_domain::ports::Sender as _;

use crate::fixtures::parcel;
use crate::rows::{Row, broken_connections, odd_heads, to_the_letter, with_odd_bodies};
use crate::scripted::{Scripted, sender};

async fn run(row: Row) -> Result<(), String> {
    let receiver = Scripted::start(row.connections).await;
    let sender = sender();
    let url = format!("http://{}/", receiver.address);
    for (which, expected) in [("first", row.first), ("second", row.second)] {
        let response = sender.send(parcel(&url).unwrap()).await.unwrap();
        let expected = expected.response();
        if (response.outcome, response.retry_after) != (expected.outcome, expected.retry_after) {
            return Err(format!("{}: the {which} comes to {response:?}", row.name));
        }
        // What follows the head is read aside, and what the receiver does meanwhile arrives.
        sleep(Duration::from_millis(60)).await;
    }
    let counts = (Scripted::count(&receiver.made), Scripted::count(&receiver.read));
    if counts != (row.made, row.read) {
        return Err(format!("{}: {counts:?} connections and requests", row.name));
    }
    Ok(())
}

#[tokio::test]
async fn each_behaviour_is_taken_for_what_it_is() {
    let rows: Vec<Row> = [
        to_the_letter(),
        with_odd_bodies(),
        odd_heads(),
        broken_connections(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let count = rows.len();
    let running: Vec<_> = rows.into_iter().map(|row| tokio::spawn(run(row))).collect();
    let mut problems = Vec::new();
    for row in running {
        problems.extend(row.await.unwrap().err());
    }
    assert!(problems.is_empty(), "of {count}:\n{}", problems.join("\n"));
    assert!(count >= 60, "{count}");
}
