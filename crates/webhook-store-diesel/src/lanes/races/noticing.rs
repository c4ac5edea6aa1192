//! A process learns from what it finds that another one changes webhooks too.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use super::{Ground, race};
use crate::audit::head::Keys;
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::database::opening::open;
use crate::engine::group::{Group, Member, Terms, attempt};
use crate::events::audience::Audiences;
use crate::events::pending::Counts;
use crate::lanes::key_uses::KnownUses;

/// Has a process with these keys create a webhook, as its writer would. Says whether it has noticed others.
fn notices(ground: &Ground, connection: &mut AnyConnection, keys: Keys<'_>) -> bool {
    let (_, work) = ground.creation();
    let (reply, _answer) = oneshot::channel();
    let group = Group {
        changes: vec![Member { work, reply }],
        ..Group::default()
    };
    let (mut audiences, held) = (Audiences::default(), BTreeSet::new());
    let kept = (&mut audiences, &Counts::default(), &KnownUses::default(), &held);
    let terms = Terms {
        own: None,
        taken: TakenRows::Await,
        default_rotation: None,
        asks_who_waits: false,
        early: false,
    };
    let done = attempt(connection, keys, kept, &group, terms);
    assert!(done.is_ok());
    keys.chain.have_others_appended()
}

#[test]
fn a_process_notices_that_another_one_has_changed_something() {
    race(|ground, one, other| {
        let others_chain = open(&ground.url, &ground.vault).unwrap().chain;
        let others_keys = Keys {
            chain: &others_chain,
            ..ground.keys()
        };
        notices(ground, one, ground.keys());
        assert!(!notices(ground, one, ground.keys()), "it is alone");
        assert!(notices(ground, other, others_keys));
        assert!(!notices(ground, other, others_keys), "it has seen that");
        assert!(notices(ground, one, ground.keys()));
    });
}
