//! The domain's conformance suite.

use std::sync::Arc;

use webhook_domain::testing::conformance::Ports;

use crate::place::{Place, block_on, ports};

mod on_sqlite {
    webhook_domain::conformance_tests!(run = super::block_on, ports = super::sqlite);
}

mod on_postgresql {
    webhook_domain::conformance_tests!(run = super::block_on, ports = super::postgres);
}

async fn sqlite() -> Ports {
    fresh(Place::sqlite())
}

async fn postgres() -> Ports {
    fresh(Place::postgres())
}

fn fresh(place: Place) -> Ports {
    let place = Arc::new(place);
    let again = place.clone();
    let reopen = move || {
        let again = again.clone();
        async move { ports(&again.open()) }
    };
    ports(&place.open()).keeping(place).reopening(reopen)
}
