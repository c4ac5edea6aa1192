//! What does not change while the model runs: names, settings, the schedule of retries, and how time is kept small.
//!
//! It is always [`NOW`]. When time passes for a lane, all instants of that lane move back by one [`WAIT`]. How long ago an instant
//! lies does not matter, apart from a delivery's first failure, which decides when it is given up. So few values are left.

use std::time::Duration;

use webhook_domain::delivery::Delivery;
use webhook_domain::delivery::attempt::{
    Attempt, AttemptOutcome, CredentialsTaken, FailureCause, StatusCode,
};
use webhook_domain::delivery::lane::LaneState;
use webhook_domain::delivery::penalty_box::PenaltyBox;
use webhook_domain::delivery::retry_schedule::RetrySchedule;
use webhook_domain::id::ProcessId;
use webhook_domain::ports::Turn;
use webhook_domain::testing::{ManualClock, SeededEntropy, fixtures};
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Settings, TargetPolicy, TargetUrl};

use crate::state::{MadeTurn, Setup};

/// The time.
pub(crate) const NOW: Instant = ManualClock::START;
/// How long a delivery that failed waits; after the second failure, so long after the first, it is given up.
pub(crate) const WAIT: Duration = Duration::from_secs(60);
/// How many names of processes there are: more than a state can refer to at the same time.
const NAMES: u64 = 12;

/// The fixed values.
pub(crate) struct World {
    /// Names of processes.
    pub(crate) names: Vec<ProcessId>,
    /// When what failed is sent again.
    pub(crate) schedule: RetrySchedule,
    /// A delivery that waits. The model tells deliveries apart by lane and position.
    pub(crate) delivery: Delivery,
    settings: [Settings; 4],
}

impl World {
    /// The values.
    pub(crate) fn new() -> Self {
        let name = |seed| ProcessId::generate(NOW, &SeededEntropy::new(seed)).unwrap();
        let event = fixtures::event(&fixtures::acme(), "INVOICE.CREATED", NOW);
        let setups = [(false, false), (false, true), (true, false), (true, true)];
        let settings = setups.map(|(moved, active)| settings(Setup { moved, active }));
        let webhook = fixtures::webhook(
            &fixtures::acme(),
            settings[1].clone(),
            NOW,
            &SeededEntropy::default(),
        );
        Self {
            names: (1..=NAMES).map(name).collect(),
            schedule: RetrySchedule::new(vec![WAIT], WAIT, WAIT).unwrap(),
            delivery: Delivery::collect(&event, &webhook).unwrap(),
            settings,
        }
    }

    /// The settings of a webhook.
    pub(crate) const fn settings(&self, setup: Setup) -> &Settings {
        &self.settings[(setup.moved as usize) * 2 + setup.active as usize]
    }

    /// An attempt that ends now.
    pub(crate) fn attempt(succeeded: bool) -> Attempt {
        let outcome = match succeeded {
            true => AttemptOutcome::of_answer(StatusCode::new(204).unwrap()),
            false => AttemptOutcome::failed(FailureCause::Timeout),
        };
        Attempt {
            response_body: None,
            at: NOW,
            duration: Duration::ZERO,
            key_fingerprints: Vec::new(),
            host: None,
            credentials: CredentialsTaken::Current,
            outcome,
        }
    }

    /// The turn as a store is asked to record it.
    pub(crate) fn turn(&self, made: &MadeTurn) -> Turn {
        let mut delivery = self.delivery.clone();
        delivery.status = made.status;
        Turn {
            position: made.position,
            epoch: made.epoch,
            number: made.number,
            version: made.version,
            delivery,
            attempt: Self::attempt(made.succeeded),
            penalty_box: made.penalty_box,
            trace: None,
            tells: Vec::new(),
        }
    }
}

fn settings(setup: Setup) -> Settings {
    let url = match setup.moved {
        true => "https://new.example.com/",
        false => "https://old.example.com/",
    };
    Settings {
        active: setup.active,
        url: Some(TargetUrl::parse(url.into(), &TargetPolicy::default()).unwrap()),
        ..fixtures::bare_settings()
    }
}

/// Whether the box still waits for something.
pub(crate) fn waits(penalty_box: &PenaltyBox) -> bool {
    !penalty_box.is_due(NOW)
}

/// The box once so much time has passed, with what does not matter made alike.
pub(crate) fn aged_box(penalty_box: PenaltyBox, by: Duration) -> PenaltyBox {
    match penalty_box {
        PenaltyBox::Out => PenaltyBox::Out,
        PenaltyBox::Retrying {
            cause,
            first_failed_at,
            retry_count,
            failed_at,
            retry_at,
            short_waits,
            planned_at,
            ..
        } => PenaltyBox::Retrying {
            since: NOW,
            cause,
            first_failed_at: first_failed_at.minus(by).clamp(NOW.minus(WAIT), NOW),
            retry_count,
            failed_at: failed_at.minus(by).clamp(NOW.minus(WAIT), NOW),
            retry_at: retry_at.minus(by).max(NOW),
            short_waits,
            planned_at: planned_at.map(|at| at.minus(by).max(NOW)),
        },
        PenaltyBox::NextInTurn { cause, .. } => PenaltyBox::NextInTurn {
            since: NOW,
            cause,
            given_up_at: NOW,
        },
    }
}

/// The lane once so much time has passed, with what does not matter made alike.
pub(crate) fn aged_lane(lane: LaneState, by: Duration) -> LaneState {
    LaneState {
        penalty_box: aged_box(lane.penalty_box, by),
        ready_at: lane.ready_at.map(|ready_at| ready_at.minus(by).max(NOW)),
        ..lane
    }
}
