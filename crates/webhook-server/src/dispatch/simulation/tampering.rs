//! Faults that must not be there, put into what stands between a process and the store, to show that the judge finds them.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tampering {
    /// A publication is accepted and not stored.
    LosesPublications,
    /// A request that is sent again is carried out again.
    RepeatsPublications,
    /// What a process sends is taken for delivered, and is not.
    LosesParcels,
    /// A queue is read from its end.
    ReversesQueues,
    /// A queue is read from its head, although what stands there has been delivered.
    ReadsFromTheHead,
    /// Deliveries are signed with the first keys of a webhook.
    KeepsFirstKeys,
    /// Turns are said to be recorded, and are not.
    LosesTurns,
    /// Turns are recorded although the lane has changed hands since.
    RecordsUnderAnyEpoch,
    /// Nobody finds a lane by looking or by being told.
    FindsNothing,
    /// A process is told that its lease goes on, and its lanes are its own, for ever.
    IgnoresLeases,
    /// Turns that were acknowledged are recorded once more, as other attempts.
    RecordsTwice,
}

impl Tampering {
    /// All faults, and what the judge must say of them.
    pub(super) const ALL: [(Self, &'static str); 11] = [
        (Self::LosesPublications, "is accepted and not stored"),
        (Self::RepeatsPublications, "two events for one idempotency key"),
        (Self::LosesParcels, "and never arrived"),
        (Self::ReversesQueues, "out of order"),
        (Self::ReadsFromTheHead, "again, which it has delivered"),
        (Self::KeepsFirstKeys, "is not signed with the keys"),
        (Self::LosesTurns, "is acknowledged and not recorded"),
        (Self::RecordsUnderAnyEpoch, "of an earlier epoch"),
        (Self::FindsNothing, "is pending"),
        (Self::IgnoresLeases, "without a lease"),
        (Self::RecordsTwice, "is recorded twice"),
    ];
}
