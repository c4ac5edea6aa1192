//! `ROTATION.FINISHED`: told to the webhooks that name it if and only if a rotation has ended.

use super::Rotation;
use crate::access::caller::Acting;
use crate::delivery::event::{Event, JsonText};
use crate::entropy::{Entropy, EntropyError};
use crate::id::{EventId, RequestId};
use crate::time::Instant;
use crate::webhook::Action;

/// Writes a rotation as clients read it.
pub type DescribeRotation = fn(&Rotation) -> JsonText;

/// What becomes an event when a rotation ends.
#[derive(Debug, Clone)]
pub struct RotationAnnouncement {
    id: EventId,
    at: Instant,
    request: RequestId,
    describe: DescribeRotation,
}

impl RotationAnnouncement {
    /// An announcement of what `acting` ends at `at`.
    ///
    /// # Errors
    /// When there is no randomness for the id of the event.
    pub fn new(
        acting: &Acting,
        at: Instant,
        entropy: &dyn Entropy,
        describe: DescribeRotation,
    ) -> Result<Self, EntropyError> {
        Ok(Self {
            id: EventId::generate(at, entropy)?,
            at,
            request: acting.request().clone(),
            describe,
        })
    }

    /// The event that says that `rotation` has ended. The same arguments give the same event.
    #[must_use]
    pub fn event(&self, rotation: &Rotation) -> Event {
        Event {
            id: self.id,
            platform: rotation.platform.clone(),
            action: Action::of_service(Action::ROTATION_FINISHED),
            data: (self.describe)(rotation),
            previous_data: None,
            original_request_id: Some(self.request.clone()),
            trace: None,
            created_at: self.at,
        }
    }
}
