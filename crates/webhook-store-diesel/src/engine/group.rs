//! A group of changes, publications and turns, committed once.
//!
//! Locks are taken in one order, by all transactions of all processes, each once: webhooks in the order of their ids, the head of
//! the audit records' chain (which is also what new values are sealed under), the numbers of keys, rows of platforms, what is counted of
//! them, what waits to be fanned out on them, lanes in the order of their ids, the rows of deliveries, those of keys that have signed some,
//! stored answers. So transactions may wait for each other, but never in a circle.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;
use webhook_domain::delivery::notice::Notice;
use webhook_domain::id::{ProcessId, WebhookId};
use webhook_domain::ports::{Outcome, Publication, Published, Recorded};
use webhook_domain::time::Instant;
use webhook_domain::webhook::RotationDays;
use webhook_domain::{ServiceError, StoreError};

use crate::audit::head::{Chain, Keys};
use crate::database::connection::AnyConnection;
use crate::database::dialect::TakenRows;
use crate::engine::early::Course;
use crate::engine::failure::{Failure, transact};
use crate::events::audience::Audiences;
use crate::events::pending::{Counted, Counts, Pending};
use crate::events::publish::Publications;
use crate::events::spread::Spread;
use crate::events::untold;
use crate::lanes::key_uses::{KeyUse, KnownUses};
use crate::lanes::locked::{Hints, LockedLanes};
use crate::lanes::record::{Turns, record};
use crate::observer::Audited;
use crate::webhooks::change::{Changes, Work};

/// What is wanted, and who waits for it.
pub(crate) struct Member<W, R> {
    pub(crate) work: W,
    pub(crate) reply: oneshot::Sender<R>,
}

impl<W, R> Member<W, R> {
    pub(crate) fn answer(self, reply: R) {
        // A caller who has stopped waiting needs no answer.
        let _ = self.reply.send(reply);
    }
}

/// What a change is answered.
pub(crate) type Changed = Result<Outcome, ServiceError>;
/// What a publication is answered.
pub(crate) type PublicationReply = Result<Outcome<Published>, ServiceError>;
/// What turns are answered.
pub(crate) type TurnsReply = Result<Recorded, StoreError>;

/// The members of a group, by their kinds.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) changes: Vec<Member<Work, Changed>>,
    pub(crate) publications: Vec<Member<Box<Publication>, PublicationReply>>,
    pub(crate) turns: Vec<Member<Turns, TurnsReply>>,
}

/// What is to be done once a group is committed.
pub(crate) struct Done {
    pub(crate) replies: Replies,
    /// Who is to be told.
    pub(crate) hints: Hints,
    /// What was counted for quotas.
    pub(crate) counted: Counted,
    /// The keys that are known to have signed something.
    pub(crate) used: Vec<KeyUse>,
    /// What was done to webhooks and their secrets.
    pub(crate) audited: Vec<Audited>,
    /// What happened to queues.
    pub(crate) notices: Vec<Notice>,
    /// Whether a secret was erased, so that it is to go from the files too.
    pub(crate) erased: bool,
    pub(crate) course: Course,
}

/// What its members are answered, in their order.
pub(crate) struct Replies {
    changes: Vec<Changed>,
    publications: Vec<PublicationReply>,
    turns: Vec<Recorded>,
}

impl Group {
    /// How many members it has.
    pub(crate) fn len(&self) -> usize {
        self.changes.len() + self.publications.len() + self.turns.len()
    }

    /// Whether its lanes may be [let go of early](crate::engine::early).
    fn may_be_early(&self) -> bool {
        let mut published = self.publications.iter();
        self.changes.is_empty() && published.all(|member| member.work.idempotency.is_none())
    }

    pub(crate) fn answer(self, replies: Replies) {
        for (member, reply) in self.changes.into_iter().zip(replies.changes) {
            member.answer(reply);
        }
        for (member, reply) in self.publications.into_iter().zip(replies.publications) {
            member.answer(reply);
        }
        for (member, recorded) in self.turns.into_iter().zip(replies.turns) {
            member.answer(Ok(recorded));
        }
    }

    /// Tells all members that it was not done.
    pub(crate) fn refuse(self, mut error: impl FnMut() -> ServiceError) {
        for member in self.changes {
            member.answer(Err(error()));
        }
        for member in self.publications {
            member.answer(Err(error()));
        }
        for member in self.turns {
            let error = match error() {
                ServiceError::Store(error) => error,
                error => StoreError::Corrupt(error.into()),
            };
            member.answer(Err(error));
        }
    }

    /// The group in parts that are done apart, because it cannot be done as one: by kind if it has several, so that what is wrong
    /// with one kind is no trouble of the others, and otherwise in halves. One member is one part.
    pub(crate) fn split(mut self) -> Vec<Self> {
        let kinds = [self.changes.len(), self.publications.len(), self.turns.len()];
        if kinds.iter().filter(|count| **count > 0).count() > 1 {
            let parts = [
                Self {
                    turns: self.turns,
                    ..Self::default()
                },
                Self {
                    changes: self.changes,
                    ..Self::default()
                },
                Self {
                    publications: self.publications,
                    ..Self::default()
                },
            ];
            return parts.into_iter().filter(|part| part.len() > 0).collect();
        }
        if self.len() < 2 {
            return vec![self];
        }
        let second = Self {
            changes: self.changes.split_off(self.changes.len().div_ceil(2)),
            publications: self.publications.split_off(self.publications.len().div_ceil(2)),
            turns: self.turns.split_off(self.turns.len().div_ceil(2)),
        };
        vec![self, second]
    }
}

/// How a group is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// For a process with this id, if it delivers.
    pub(crate) own: Option<ProcessId>,
    pub(crate) taken: TakenRows,
    pub(crate) default_rotation: Option<RotationDays>,
    /// Whether it is asked who waits for it.
    pub(crate) asks_who_waits: bool,
    /// Whether it lets go of its lanes [early](crate::engine::early), if it may.
    pub(crate) early: bool,
}

/// Runs all of `group` in one transaction. Lanes that are among `held` are not waited for: what needs one of them is not done.
pub(crate) fn attempt(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    kept: (&mut Audiences, &Counts, &KnownUses, &BTreeSet<WebhookId>),
    group: &Group,
    terms: Terms,
) -> Result<Done, Failure> {
    let may_be_early = group.may_be_early();
    let is_early = terms.early && may_be_early;
    let (mut done, decided_at) = transact(connection, |connection| {
        if is_early {
            connection.commit_early()?;
        }
        let mut done = run(connection, keys, kept, group, terms)?;
        done.course.was_waited_for = terms.asks_who_waits && may_be_early && connection.is_waited_for()?;
        Ok((done, std::time::Instant::now()))
    })?;
    if is_early {
        connection.flush().map_err(Failure::Commit)?;
    }
    done.course.commit = decided_at.elapsed();
    Ok(done)
}

fn run(
    connection: &mut AnyConnection,
    keys: Keys<'_>,
    (audiences, counts, known, held): (&mut Audiences, &Counts, &KnownUses, &BTreeSet<WebhookId>),
    group: &Group,
    terms: Terms,
) -> Result<Done, Failure> {
    let works: Vec<&Work> = group.changes.iter().map(|member| &member.work).collect();
    let published: Vec<&Publication> = group
        .publications
        .iter()
        .map(|member| member.work.as_ref())
        .collect();
    let made: Vec<&Turns> = group.turns.iter().map(|member| &member.work).collect();

    let platforms = platforms_of(&works, &published, &made);
    let mut routing = audiences.in_transaction(connection, platforms)?;
    let mut changes = Changes::load(
        connection,
        keys.vault,
        &works,
        terms.taken,
        terms.default_rotation,
        &mut routing,
    )?;
    // What a quota is of must not change meanwhile, and what others have answered must be there to be seen before it is judged.
    let mut chain = match works.iter().any(|work| work.quota().is_some()) {
        true => Some(Chain::lock(connection, keys)?),
        false => None,
    };
    let changed = changes.decide(connection, keys.vault, &works)?;
    let seals = published
        .iter()
        .any(|publication| publication.idempotency.is_some());
    if chain.is_none() && (changes.has_something_to_write() || seals) {
        chain = Some(Chain::lock(connection, keys)?);
    }
    let mut spread = Spread::default();
    let saved = match chain {
        Some(chain) if changes.has_something_to_write() => {
            let saved = changes.save(connection, keys.vault, chain, terms.own, &mut routing)?;
            changes.announce(connection, &mut routing, &mut spread)?;
            Some(saved)
        }
        _ => None,
    };
    let mut pending = Pending::lock(connection, counts, &limited_of(&published), &spread.told())?;
    let publications = Publications::admit(
        connection,
        keys.vault,
        &published,
        &mut routing,
        &mut spread,
        &mut pending,
        held,
    )?;
    let counted = pending.save(connection)?;

    spread.save_events(connection)?;
    let mut needed: BTreeSet<WebhookId> = spread.webhooks().collect();
    needed.extend(changes.lanes());
    // Publications have been refused where they need one, so it is a change that does, or what is told of it.
    if !needed.is_disjoint(held) {
        return Err(Failure::LaneLocked);
    }
    needed.extend(
        made.iter()
            .flat_map(|made| &made.turns)
            .map(|turn| turn.delivery.webhook),
    );
    // What nobody is told of says itself when it was changed.
    let now = now_of(&works, &published, &made).or_else(|| changes.last_updated_at());
    let now = now.unwrap_or(Instant::from_milliseconds(0));
    let mut lanes = LockedLanes::lock_but(connection, &needed, held, now)?;
    let mut notices = changes.change_lanes(connection, &mut lanes)?;
    let mut told = Vec::new();
    let (turns, used) = record(connection, &made, &mut lanes, known, (&mut notices, &mut told))?;
    untold::write_down(connection, &mut routing, &told)?;
    spread.save(connection, &mut lanes)?;
    let hints = lanes.save(connection, terms.own)?;

    let publications = publications.answer(connection, keys.vault)?;
    if let Some(saved) = saved {
        changes.save_answers(connection, keys.vault)?;
        saved.finish(connection)?;
    }
    let replies = Replies {
        changes: changed,
        publications,
        turns,
    };
    Ok(Done {
        replies,
        hints,
        counted,
        used,
        audited: changes.take_audited(),
        notices,
        erased: changes.erase_something(),
        course: Course {
            was_waited_for: false,
            commit: Duration::ZERO,
        },
    })
}

/// The platforms on which something is published, or may be.
fn platforms_of(works: &[&Work], published: &[&Publication], made: &[&Turns]) -> BTreeSet<String> {
    let of_changes = works.iter().filter_map(|work| work.announces_on());
    let of_events = published.iter().map(|publication| &publication.event.platform);
    let turns = made.iter().flat_map(|made| &made.turns);
    let of_turns = turns.flat_map(|turn| &turn.tells).map(|event| &event.platform);
    let all = of_changes.chain(of_events).chain(of_turns);
    all.map(ToString::to_string).collect()
}

/// The platforms whose quotas are to be judged.
fn limited_of<'a>(published: &[&'a Publication]) -> BTreeSet<&'a str> {
    let limited = published.iter().filter(|publication| publication.quota.is_some());
    limited
        .map(|publication| publication.event.platform.as_str())
        .collect()
}

/// The time of what is done, where the database has no clock of its own.
fn now_of(works: &[&Work], published: &[&Publication], made: &[&Turns]) -> Option<Instant> {
    let of_events = published.iter().map(|publication| publication.event.created_at);
    let of_turns = made
        .iter()
        .flat_map(|made| &made.turns)
        .map(|turn| turn.attempt.ended_at());
    let of_changes = works.iter().filter_map(|work| work.at());
    of_events.chain(of_turns).chain(of_changes).max()
}
