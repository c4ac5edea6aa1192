use std::net::Ipv4Addr;

use webhook_domain::testing::ManualClock;

use super::*;

struct Counted {
    rates: RequestRates,
    clock: Arc<ManualClock>,
}

impl Counted {
    fn new(requests_per_second: u32, failures_per_second: u32) -> Self {
        let clock = Arc::new(ManualClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        Self {
            rates: RequestRates::new(
                NonZeroU32::new(requests_per_second),
                NonZeroU32::new(failures_per_second),
                &shared,
            ),
            clock,
        }
    }

    /// How many requests of `credential` are served before one is refused, and how long that one is to wait.
    fn requests(&self, credential: &Credential) -> (usize, Duration) {
        served(|| self.rates.count(credential), Who::Credential)
    }

    /// The same of failures from `address`.
    fn failures(&self, address: &str) -> (usize, Duration) {
        let peer = Some(address.parse().unwrap());
        served(|| self.rates.count_failure(peer), Who::Address)
    }

    fn fail_from(&self, number: u32) -> Result<(), TooOften> {
        self.rates.count_failure(Some(Ipv4Addr::from(number).into()))
    }

    fn addresses(&self) -> usize {
        self.rates.failures.as_ref().unwrap().remembered()
    }
}

fn served(count: impl Fn() -> Result<(), TooOften>, whose: Who) -> (usize, Duration) {
    let answers = (0..10_000).map(|_| count());
    let mut served = 0;
    for answer in answers {
        match answer {
            Ok(()) => served += 1,
            Err(TooOften { who, wait }) => {
                assert_eq!(who, whose);
                return (served, wait);
            }
        }
    }
    panic!("nothing was refused")
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[test]
fn a_credential_may_ask_a_seconds_worth_at_once_and_more_as_time_passes() {
    let counted = Counted::new(10, 0);
    assert_eq!(counted.requests(&Credential::Service), (10, 100 * MILLISECOND));
    counted.clock.advance(30 * MILLISECOND);
    assert_eq!(counted.requests(&Credential::Service), (0, 70 * MILLISECOND));
    counted.clock.advance(70 * MILLISECOND);
    assert_eq!(counted.requests(&Credential::Service), (1, 100 * MILLISECOND));
    counted.clock.advance_seconds(60);
    assert_eq!(counted.requests(&Credential::Service).0, 10);
}

#[test]
fn each_credential_has_a_rate_of_its_own() {
    let counted = Counted::new(10, 0);
    assert_eq!(counted.requests(&Credential::Service).0, 10);
    assert_eq!(counted.requests(&Credential::CommandLine).0, 10);
}

#[test]
fn one_request_per_second_is_a_rate() {
    let counted = Counted::new(1, 0);
    assert_eq!(
        counted.requests(&Credential::Service),
        (1, Duration::from_secs(1))
    );
}

#[test]
fn twenty_seconds_worth_of_failures_may_come_from_an_address_at_once() {
    let counted = Counted::new(0, 5);
    assert_eq!(counted.failures("192.0.2.1"), (100, 200 * MILLISECOND));
    assert_eq!(counted.failures("192.0.2.2").0, 100);
    assert_eq!(counted.failures("2001:db8::1").0, 100);
    assert_eq!(counted.failures("2001:db8::2").0, 0);
    counted.clock.advance_seconds(2);
    assert_eq!(counted.failures("192.0.2.1").0, 10);
}

#[test]
fn without_a_limit_nothing_is_refused() {
    let counted = Counted::new(0, 0);
    for _ in 0..100_000 {
        counted.rates.count(&Credential::Service).unwrap();
        counted.fail_from(1).unwrap();
    }
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_it() {
    let counted = Counted::new(10, 0);
    counted.requests(&Credential::Service);
    counted
        .clock
        .set(ManualClock::START.minus(Duration::from_secs(86_400)));
    assert_eq!(counted.requests(&Credential::Service), (0, 100 * MILLISECOND));
    counted.clock.advance_seconds(1);
    assert_eq!(counted.requests(&Credential::Service).0, 10);
}

#[test]
fn addresses_that_were_idle_are_forgotten_and_others_are_not() {
    let counted = Counted::new(0, 5);
    for number in 0..500 {
        counted.fail_from(number).unwrap();
    }
    assert_eq!(counted.addresses(), 500);
    counted.clock.advance_seconds(1);
    for _ in 0..2 * FORGET_EVERY {
        let _ = counted.fail_from(1_000);
    }
    assert_eq!(counted.addresses(), 1);
    assert_eq!(counted.fail_from(1_000).unwrap_err().who, Who::Address);
}

#[test]
fn more_addresses_than_are_remembered_count_as_one_until_some_were_idle() {
    let mut counted = Counted::new(0, 5);
    counted.rates.max_addresses = 50;
    for number in 0..150 {
        counted.fail_from(number).unwrap();
    }
    assert_eq!(counted.addresses(), 51, "50 and the crowd");
    for number in 150..10_000 {
        assert!(counted.fail_from(number).is_err(), "{number}");
    }
    assert_eq!(counted.addresses(), 51);
    counted.clock.advance_seconds(60);
    for number in 0..FORGET_EVERY {
        let _ = counted.fail_from(u32::try_from(number).unwrap());
    }
    assert_eq!(counted.failures("192.0.2.1").0, 100);
}
