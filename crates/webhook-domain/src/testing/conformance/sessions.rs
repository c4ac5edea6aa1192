//! Sessions: what is stored is what holds.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, held};
use crate::access::api_key::{ApiKeyDigest, PresentedApiKey};
use crate::access::session::{IDLE, LONGEST, Session, SessionToken};
use crate::concurrently::concurrently;
use crate::id::ApiKeyId;
use crate::time::{CLOCKS_APART, Instant};

impl Scene {
    /// Some API key, which need not be stored for this.
    fn presented(&self) -> PresentedApiKey {
        PresentedApiKey {
            id: held(ApiKeyId::generate(self.now(), self.entropy.as_ref())),
            digest: ApiKeyDigest([5; 32]),
        }
    }

    fn session(&self, api_key: PresentedApiKey, began_at: Instant) -> Session {
        let token = held(SessionToken::generate(self.entropy.as_ref()));
        Session::begun(&token, api_key, began_at)
    }

    async fn begin_session(&self, session: Session, most: u32) {
        held(self.ports.sessions().begin(session, most).await);
    }

    async fn found(&self, session: &Session) -> Option<Session> {
        held(self.ports.sessions().find(session.digest).await)
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Every field of it, also in another process.
pub async fn a_session_reads_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let session = scene.session(scene.presented(), scene.now());
    assert_eq!(scene.found(&session).await, None);
    scene.begin_session(session, 3).await;
    let later = scene.now().plus(seconds(90));
    held(ports.sessions().note_use(session.digest, later).await);
    let used = Session {
        used_at: later,
        ..session
    };
    assert_eq!(scene.found(&session).await, Some(used));
    ports.reopen().await;
    assert_eq!(scene.found(&session).await, Some(used));
}

/// At once, for ever, and no other.
pub async fn an_ended_session_is_gone(ports: &Ports) {
    let scene = Scene::new(ports);
    let api_key = scene.presented();
    let [session, other] = [(); 2].map(|()| scene.session(api_key, scene.now()));
    for session in [session, other] {
        scene.begin_session(session, 3).await;
    }
    held(ports.sessions().end(session.digest).await);
    held(ports.sessions().end(session.digest).await);
    // A request that was under way notes its use afterwards.
    let later = scene.now().plus(seconds(60));
    held(ports.sessions().note_use(session.digest, later).await);
    assert_eq!(scene.found(&session).await, None);
    assert_eq!(scene.found(&other).await, Some(other));
}

/// A use that was seen earlier than the one that is noted does not take its place.
pub async fn the_last_use_of_a_session_is_noted(ports: &Ports) {
    let scene = Scene::new(ports);
    let session = scene.session(scene.presented(), scene.now());
    scene.begin_session(session, 3).await;
    let uses = [120, 60, 180, 90].map(|after| scene.now().plus(seconds(after)));
    for at in uses {
        held(ports.sessions().note_use(session.digest, at).await);
    }
    let used_at = scene.found(&session).await.map(|found| found.used_at);
    assert_eq!(used_at, Some(uses[2]));
}

/// Those that began first make room, also where they begin at once.
pub async fn an_api_key_has_no_more_sessions_than_it_may(ports: &Ports) {
    let scene = Scene::new(ports);
    let (api_key, others) = (scene.presented(), scene.presented());
    let of_other = scene.session(others, scene.now());
    scene.begin_session(of_other, 3).await;
    let sessions: Vec<_> = (1..=12)
        .map(|after| scene.session(api_key, scene.now().plus(seconds(after))))
        .collect();
    let (first, rest) = sessions.split_at(3);
    for session in first {
        scene.begin_session(*session, 3).await;
        assert!(scene.found(session).await.is_some());
    }
    concurrently(rest.iter().map(|session| scene.begin_session(*session, 3))).await;
    let mut kept = 0;
    for session in &sessions {
        kept += u32::from(scene.found(session).await.is_some());
    }
    assert_eq!(kept, 3);
    for session in first {
        assert_eq!(scene.found(session).await, None);
    }
    assert_eq!(scene.found(&of_other).await, Some(of_other));
    // Of those that began at one instant, it is their digests that decide, and not chance.
    let at_once = scene.now().plus(seconds(60));
    let mut sessions = [(); 6].map(|()| scene.session(api_key, at_once));
    for session in &sessions {
        scene.begin_session(*session, 3).await;
    }
    sessions.sort_by_key(|session| session.digest);
    for (place, session) in sessions.iter().enumerate() {
        assert_eq!(scene.found(session).await.is_some(), place >= 3, "{place}");
    }
}

/// Idle ones, old ones and those of a clock that was ahead, a few at a time.
pub async fn sessions_that_are_over_are_forgotten(ports: &Ports) {
    let scene = Scene::at(ports, held("2031-05-05T05:05:05Z".parse()));
    let now = scene.now();
    let began = |at| scene.session(scene.presented(), at);
    let of_idle = |before: Duration| began(now.minus(before));
    let old = |before: Duration| Session {
        used_at: now,
        ..began(now.minus(before))
    };
    let open = [
        of_idle(IDLE.saturating_sub(seconds(1))),
        old(LONGEST.saturating_sub(seconds(1))),
        began(now.plus(CLOCKS_APART)),
    ];
    let over = [
        of_idle(IDLE),
        old(LONGEST),
        began(now.plus(CLOCKS_APART + seconds(1))),
    ];
    for session in open.iter().chain(&over) {
        scene.begin_session(*session, 3).await;
    }
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.push(held(ports.sessions().forget_ended(now, 2).await));
    }
    assert_eq!(steps, [2, 1, 0]);
    for session in &over {
        assert_eq!(scene.found(session).await, None);
    }
    for session in &open {
        assert_eq!(scene.found(session).await, Some(*session));
    }
}
