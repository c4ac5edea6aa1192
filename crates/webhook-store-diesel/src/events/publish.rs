//! Publications in a group: which are new, and what they are answered.

use std::collections::{BTreeMap, BTreeSet};

use webhook_domain::id::WebhookId;
use webhook_domain::idempotency::Idempotency;
use webhook_domain::ports::{Outcome, Publication, Published};
use webhook_domain::{Refusal, ServiceError, StoreError};

use crate::answers::row::{AnswerRow, slot_key};
use crate::answers::{self, Earlier};
use crate::database::connection::AnyConnection;
use crate::engine::failure::{Failure, LANE_LOCKED};
use crate::engine::group::PublicationReply;
use crate::events::audience::Routing;
use crate::events::pending::Pending;
use crate::events::spread::Spread;
use crate::sealing::Vault;

/// The publications of a group, of which each either has its reply or is about to be done.
pub(crate) struct Publications {
    admitted: Vec<Admitted>,
    earlier: Earlier,
}

enum Admitted {
    /// It was answered before, or is refused.
    Answered(Box<PublicationReply>),
    /// It is done with this group.
    New {
        published: Box<Published>,
        idempotency: Option<Idempotency<Published>>,
    },
}

impl Publications {
    /// Puts what is new of `published` into `spread`, but refuses what would go into a lane that is among `held`. Where a publication has
    /// a name, the head of the chain must be locked.
    pub(crate) fn admit(
        connection: &mut AnyConnection,
        vault: &Vault,
        published: &[&Publication],
        routing: &mut Routing<'_>,
        spread: &mut Spread,
        pending: &mut Pending,
        held: &BTreeSet<WebhookId>,
    ) -> Result<Self, Failure> {
        let named = published
            .iter()
            .filter_map(|publication| publication.idempotency.as_ref());
        let earlier = answers::load(connection, named, vault)?;
        let mut names: BTreeMap<Vec<u8>, &Idempotency<Published>> = BTreeMap::new();
        let mut admitted = Vec::with_capacity(published.len());
        for publication in published {
            let idempotency = publication.idempotency.as_ref();
            let known = idempotency.map(|idempotency| earlier.to(idempotency, vault));
            if let Some(known) = known.transpose()?.flatten() {
                admitted.push(Admitted::Answered(Box::new(known.map_err(ServiceError::from))));
                continue;
            }
            if let Some(idempotency) = idempotency
                && let Some(first) = names.insert(slot_key(&idempotency.slot), idempotency)
            {
                if first.fingerprint == idempotency.fingerprint {
                    // The same request twice in one group: by itself it finds the answer of the first.
                    return Err(Failure::NotAsOne);
                }
                names.insert(slot_key(&first.slot), first);
                let refusal = Err(Refusal::IdempotencyKeyReused.into());
                admitted.push(Admitted::Answered(Box::new(refusal)));
                continue;
            }
            admitted.push(Self::put(
                connection,
                routing,
                spread,
                pending,
                held,
                publication,
            )?);
        }
        Ok(Self { admitted, earlier })
    }

    fn put(
        connection: &mut AnyConnection,
        routing: &mut Routing<'_>,
        spread: &mut Spread,
        pending: &mut Pending,
        held: &BTreeSet<WebhookId>,
        publication: &Publication,
    ) -> Result<Admitted, Failure> {
        let Publication {
            event,
            quota,
            idempotency,
        } = publication;
        let refuse = |error: ServiceError| Ok(Admitted::Answered(Box::new(Err(error))));
        let audience = routing.of(connection, event)?;
        if spread.needs(held, routing, event, &audience) {
            return refuse(StoreError::Unavailable(LANE_LOCKED.into()).into());
        }
        if let Some(quota) = quota {
            let more = audience.len() as u64;
            if let Err(refusal) = pending.admit(connection, &event.platform, *quota, more, more)? {
                return refuse(refusal.into());
            }
        }
        let Some(deliveries) = spread.add(routing, event.clone(), audience) else {
            return refuse(StoreError::Overloaded.into());
        };
        let published = Published {
            event: event.clone(),
            deliveries,
        };
        Ok(Admitted::New {
            published: Box::new(published),
            idempotency: idempotency.clone(),
        })
    }

    /// The replies, of which those to requests with a name are stored.
    pub(crate) fn answer(
        self,
        connection: &mut AnyConnection,
        vault: &Vault,
    ) -> Result<Vec<PublicationReply>, Failure> {
        let mut rows = Vec::new();
        let mut replies = Vec::with_capacity(self.admitted.len());
        for admitted in self.admitted {
            replies.push(match admitted {
                Admitted::Answered(reply) => *reply,
                Admitted::New {
                    published: subject,
                    idempotency: None,
                } => Ok(Outcome::Done {
                    subject,
                    answer: None,
                }),
                Admitted::New {
                    published: subject,
                    idempotency: Some(idempotency),
                } => {
                    let answer = (idempotency.render)(&subject, idempotency.at);
                    let slot = slot_key(&idempotency.slot);
                    rows.push(AnswerRow::encode(slot, &idempotency, &answer, vault)?);
                    Ok(Outcome::Done {
                        subject,
                        answer: Some(answer),
                    })
                }
            });
        }
        self.earlier.replace(connection, &rows)?;
        Ok(replies)
    }
}
