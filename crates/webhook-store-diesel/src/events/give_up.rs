//! Giving up a delivery because somebody asks for it.

use diesel::prelude::*;
use webhook_domain::Refusal;
use webhook_domain::delivery::lane::Position;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::{GiveUp, TrackedDelivery};

use crate::database::connection::AnyConnection;
use crate::database::schema::deliveries;
use crate::engine::failure::Failure;
use crate::events::audience::Audiences;
use crate::events::port::{find, tracked, webhook_of};
use crate::events::untold;
use crate::lanes::locked::{Hints, LockedLanes};

/// Gives a delivery up, and gives it as it is then.
pub(crate) fn give_up(
    connection: &mut AnyConnection,
    own: Option<ProcessId>,
    give_up: &GiveUp,
) -> Result<(Result<TrackedDelivery, Refusal>, Hints), Failure> {
    let refused = |refusal| Ok((Err(refusal), Hints::default()));
    let (platform, id) = (give_up.platform.to_string(), give_up.delivery.to_string());
    let Some(webhook) = webhook_of(connection, &platform, &id)? else {
        return refused(Refusal::NO_SUCH_DELIVERY);
    };
    // The lane first, as everywhere: then no turn can end what is read next, nor somebody delete the webhook.
    let mut lanes = LockedLanes::lock(connection, &[webhook].into(), give_up.at)?;
    if !lanes.holds(webhook) {
        return refused(Refusal::NO_SUCH_DELIVERY);
    }
    let Some(row) = find(connection, &platform, &id)? else {
        return refused(Refusal::NO_SUCH_DELIVERY);
    };
    let mut after = tracked(&row)?;
    after.delivery = match after.delivery.given_up(give_up.at) {
        Ok(delivery) => delivery,
        Err(refusal) => return refused(refusal),
    };
    let position = row.0.position;
    let name = webhook.to_string();
    if let Some(lane) = lanes.get(webhook) {
        let head = connection.queued(&name, lane.done.0, 1)?.pop();
        if head.is_some_and(|(head, _)| head.id == id) {
            let now = lanes.now();
            lanes.wake(webhook, |lane| {
                lane.without_head(Position(position), give_up.at, now)
            });
        }
    }
    diesel::update(deliveries::table.filter(deliveries::id.eq(&id)))
        .set((
            deliveries::status.eq(after.delivery.status.name()),
            deliveries::ended_at.eq(give_up.at.as_milliseconds()),
        ))
        .execute(connection)?;
    connection.note_failed(&platform, position)?;
    connection.withdraw(&name)?;
    let telling = give_up.telling.as_ref();
    let told = telling.and_then(|telling| {
        let last = after.attempts.last();
        telling.event(&after.delivery, &after.event.action, last)
    });
    if told.is_some() {
        let mut audiences = Audiences::default();
        let mut routing = audiences.in_transaction(connection, [platform].into())?;
        untold::write_down(connection, &mut routing, &told)?;
    }
    Ok((Ok(after), lanes.save(connection, own)?))
}
