//! Runs PostgreSQL for the tests until nobody uses it: `postgres-keeper MEETING_PLACE [SETTING=VALUE…]`.
//!
//! Started by the tests themselves; see `webhook_tests::postgres::keeper`.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let meeting = arguments
        .next()
        .expect("usage: postgres-keeper MEETING_PLACE [SETTING=VALUE…]");
    webhook_tests::postgres::keeper::run(std::path::Path::new(&meeting), &arguments.collect::<Vec<_>>());
}
