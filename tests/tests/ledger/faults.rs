//! What goes wrong beside kills: processes are stopped and go on, their clocks are wrong for a while, and the sessions that hear
//! what arrives are ended. Each gives what it did, for the judge to know.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, sql_query, sql_types::BigInt,
};
use webhook_tests::clock::now;

use crate::{
    clocks::{Shown, Stopped},
    fleet::Fleet,
    plan::Plan,
};

/// Ends every session of the database that listens, and says how many there were.
const END_LISTENERS: &str = "SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity \
    WHERE datname = current_database() AND query ILIKE 'LISTEN%'";

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// Stops one process after the other for longer than a lease. One that is alone is not stopped: nobody would go on.
pub(crate) fn stop(fleet: &Fleet, plan: Plan) -> Vec<Stopped> {
    let mut stopped = Vec::new();
    if fleet.size() == 1 {
        return stopped;
    }
    for stop in plan.stops(fleet.size()) {
        thread::sleep(stop.after);
        let from = now();
        // One that was just killed cannot be stopped.
        if !fleet.freeze(stop.place) {
            continue;
        }
        thread::sleep(stop.long);
        fleet.thaw(stop.place);
        stopped.push(Stopped {
            place: stop.place,
            from,
            until: now(),
        });
    }
    stopped
}

/// Sets the clock of the process wrong and right again, several times.
pub(crate) fn set_clock(fleet: &Fleet, plan: Plan, place: usize) -> Vec<Shown> {
    let mut shown = vec![Shown {
        from: 0,
        until: i64::MAX,
        ahead: 0,
    }];
    let mut set = |ahead| {
        let from = now();
        fleet.shift_clock(place, ahead);
        // Both may have been shown in the second in which it was set.
        if let Some(before) = shown.last_mut() {
            before.until = now();
        }
        shown.push(Shown {
            from,
            until: i64::MAX,
            ahead,
        });
    };
    for step in plan.steps(place) {
        thread::sleep(step.after);
        set(step.ahead);
        thread::sleep(step.long);
        set(0);
    }
    shown
}

/// Ends the sessions that listen every few seconds until all is `done`, and says how many there were. SQLite has none.
pub(crate) fn silence(fleet: &Fleet, plan: Plan, done: &AtomicBool) -> i64 {
    let Some(database) = fleet.deployment().database() else {
        return 0;
    };
    let mut connection =
        PgConnection::establish(database.admin_url()).unwrap_or_else(|error| panic!("PostgreSQL: {error}"));
    let mut ended = 0;
    for time in 0.. {
        if is_done_within(plan.pause_before_silencing(time), done) {
            break;
        }
        let number: Number = sql_query(END_LISTENERS)
            .get_result(&mut connection)
            .unwrap_or_else(|error| panic!("{END_LISTENERS}: {error}"));
        ended += number.value;
    }
    ended
}

/// Waits for so long, but no longer than until all is `done`, and says whether it is.
pub(crate) fn is_done_within(pause: Duration, done: &AtomicBool) -> bool {
    let began = Instant::now();
    while began.elapsed() < pause && !done.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(20));
    }
    done.load(Ordering::Acquire)
}
