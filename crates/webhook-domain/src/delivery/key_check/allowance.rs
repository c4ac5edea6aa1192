//! How many checks there may be.
//!
//! A check makes a receiver refuse two or three requests. A firewall that counts refusals bans whoever causes them, and with a ban all
//! deliveries to that host end. So checks are few: of one webhook and at one host there is one at a time; of one webhook there are six an hour
//! on request, and at one host thirty, whoever asked and for whichever platform, because a firewall sees one sender. What the service checks of
//! its own accord is counted apart, and leaves half of a host's hour to people.
//!
//! A store keeps the checks of the last hour, of all processes, and has [`NewCheck::judge`] decide under a lock. A check whose process has
//! died is over after [`LEASE`].

use std::time::Duration;

use super::Crowded;
use crate::error::Refusal;
use crate::id::{KeyCheckId, WebhookId};
use crate::time::Instant;

/// What is counted: the checks of the last hour.
pub const WINDOW: Duration = Duration::from_secs(60 * 60);
/// How long a check may be under way: longer than the [time](crate::services::KeyCheckService::TIME) in which it sends, and what a store takes
/// before and after that.
pub const LEASE: Duration = Duration::from_secs(60);
/// How many checks of one webhook there are an hour.
const OF_WEBHOOK: usize = 6;
/// How many there are an hour at one host.
const AT_HOST: usize = 30;
/// How many there may have been at a host when the service makes one of its own accord.
const AT_HOST_BY_ITSELF: usize = AT_HOST / 2;

/// Who wants a check, and so on which account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Allowance {
    /// Somebody asked for it.
    OnRequest,
    /// The service makes it of its own accord.
    ByItself,
}

impl Allowance {
    const fn at_host(self) -> usize {
        match self {
            Self::OnRequest => AT_HOST,
            Self::ByItself => AT_HOST_BY_ITSELF,
        }
    }
}

/// A check that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheck {
    /// Which one.
    pub id: KeyCheckId,
    /// Of which webhook's keys.
    pub webhook: WebhookId,
    /// The host that its receiver is at.
    pub host: String,
    /// When it begins.
    pub at: Instant,
    /// On which account.
    pub allowance: Allowance,
}

/// A check that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunCheck {
    /// Which one it is.
    pub check: NewCheck,
    /// Whether it has come to its end.
    pub is_over: bool,
}

impl BegunCheck {
    /// Whether it still counts at `now`. One that is further ahead than the window is long was begun by a clock that was wrong.
    #[must_use]
    pub fn counts(&self, now: Instant) -> bool {
        is_within(self.check.at, now, WINDOW)
    }

    fn is_under_way(&self, now: Instant) -> bool {
        !self.is_over && is_within(self.check.at, now, LEASE)
    }
}

/// Whether the two are less apart than that, whichever is the earlier one.
fn is_within(one: Instant, other: Instant, time: Duration) -> bool {
    one.since(other) < time && other.since(one) < time
}

impl NewCheck {
    /// Whether it may begin, while these are the checks of its webhook and at its host that were begun in the last hour.
    ///
    /// # Errors
    /// [`Refusal::KeyCheckUnderWay`], [`Refusal::TooManyKeyChecks`].
    pub fn judge(&self, begun: &[BegunCheck]) -> Result<(), Refusal> {
        let now = self.at;
        let counted: Vec<_> = begun.iter().filter(|begun| begun.counts(now)).collect();
        let of_webhook = counted.iter().filter(|begun| begun.check.webhook == self.webhook);
        if of_webhook.clone().any(|begun| begun.is_under_way(now)) {
            return Err(Refusal::KeyCheckUnderWay);
        }
        let at_host: Vec<_> = counted
            .iter()
            .filter(|begun| begun.check.host == self.host)
            .collect();
        if let Some(other) = at_host.iter().find(|begun| begun.is_under_way(now)) {
            return Err(Refusal::TooManyKeyChecks {
                of: Crowded::HostAtOnce,
                wait: other.check.at.plus(LEASE).since(now),
            });
        }
        let on_same_account = of_webhook.filter(|begun| begun.check.allowance == self.allowance);
        let begun_at = |begun: &&&BegunCheck| begun.check.at;
        let of_webhook = on_same_account.map(|begun| begun_at(&begun));
        self.admit(of_webhook.collect(), OF_WEBHOOK, Crowded::Webhook)?;
        let at_host = at_host.iter().map(|begun| begun.check.at);
        self.admit(at_host.collect(), self.allowance.at_host(), Crowded::Host)
    }

    /// Whether one more may begin when `most` may be within an hour.
    fn admit(&self, mut begun: Vec<Instant>, most: usize, of: Crowded) -> Result<(), Refusal> {
        begun.sort_unstable();
        // Once this one is out of the window there is one fewer than may be.
        let Some(in_the_way) = begun.len().checked_sub(most).and_then(|place| begun.get(place)) else {
            return Ok(());
        };
        Err(Refusal::TooManyKeyChecks {
            of,
            wait: in_the_way.plus(WINDOW).since(self.at).min(WINDOW),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy};

    const NOW: Instant = ManualClock::START;

    struct Scene {
        entropy: SeededEntropy,
        webhooks: [WebhookId; 2],
        begun: Vec<BegunCheck>,
    }

    impl Scene {
        fn new() -> Self {
            let entropy = SeededEntropy::default();
            let webhooks = [(); 2].map(|()| WebhookId::generate(NOW, &entropy).unwrap());
            Self {
                entropy,
                webhooks,
                begun: Vec::new(),
            }
        }

        fn check(&self, webhook: usize, host: &str, at: Instant, allowance: Allowance) -> NewCheck {
            NewCheck {
                id: KeyCheckId::generate(at, &self.entropy).unwrap(),
                webhook: self.webhooks[webhook],
                host: host.to_owned(),
                at,
                allowance,
            }
        }

        fn begin(&mut self, webhook: usize, host: &str, at: Instant, allowance: Allowance, is_over: bool) {
            let check = self.check(webhook, host, at, allowance);
            self.begun.push(BegunCheck { check, is_over });
        }

        fn judge(
            &self,
            webhook: usize,
            host: &str,
            at: Instant,
            allowance: Allowance,
        ) -> Result<(), Refusal> {
            self.check(webhook, host, at, allowance).judge(&self.begun)
        }
    }

    use Allowance::{ByItself, OnRequest};

    fn after(seconds: u64) -> Instant {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn too_many(of: Crowded, seconds: u64) -> Result<(), Refusal> {
        let wait = Duration::from_secs(seconds);
        Err(Refusal::TooManyKeyChecks { of, wait })
    }

    #[test]
    fn of_one_webhook_and_at_one_host_there_is_one_at_a_time() {
        let mut scene = Scene::new();
        scene.begin(0, "a.example", NOW, OnRequest, false);
        let under_way = Err(Refusal::KeyCheckUnderWay);
        for (allowance, at) in [(OnRequest, NOW), (ByItself, after(59))] {
            assert_eq!(scene.judge(0, "a.example", at, allowance), under_way);
            // Its url may have changed meanwhile.
            assert_eq!(scene.judge(0, "b.example", at, allowance), under_way);
        }
        // Another process's clock may be behind.
        assert_eq!(
            scene.judge(0, "a.example", NOW.minus(Duration::from_secs(3)), OnRequest),
            under_way
        );
        assert_eq!(
            scene.judge(1, "a.example", after(20), OnRequest),
            too_many(Crowded::HostAtOnce, 40)
        );
        assert_eq!(scene.judge(1, "b.example", NOW, OnRequest), Ok(()));
        for (webhook, host) in [(0, "a.example"), (1, "a.example")] {
            assert_eq!(
                scene.judge(webhook, host, after(60), OnRequest),
                Ok(()),
                "its process has died"
            );
        }
        scene.begun[0].is_over = true;
        assert_eq!(scene.judge(0, "a.example", after(1), OnRequest), Ok(()));
    }

    #[test]
    fn of_one_webhook_there_are_six_an_hour_on_each_account() {
        let mut scene = Scene::new();
        for place in 0..6 {
            assert_eq!(scene.judge(0, "a.example", after(place * 60), OnRequest), Ok(()));
            scene.begin(0, "a.example", after(place * 60), OnRequest, true);
        }
        assert_eq!(
            scene.judge(0, "a.example", after(1800), OnRequest),
            too_many(Crowded::Webhook, 1800)
        );
        assert_eq!(
            scene.judge(0, "b.example", after(3599), OnRequest),
            too_many(Crowded::Webhook, 1)
        );
        assert_eq!(scene.judge(0, "a.example", after(3600), OnRequest), Ok(()));
        assert_eq!(scene.judge(0, "a.example", after(1800), ByItself), Ok(()));
        assert_eq!(scene.judge(1, "a.example", after(1800), OnRequest), Ok(()));
    }

    #[test]
    fn at_one_host_there_are_thirty_an_hour_and_half_of_them_for_people() {
        let mut scene = Scene::new();
        let other = |place: u64| after(place * 100);
        for place in 0..30 {
            // Each of a webhook of its own, so that none of these is the limit.
            scene.webhooks[0] = WebhookId::generate(NOW, &scene.entropy).unwrap();
            assert_eq!(
                scene.judge(0, "a.example", other(place), OnRequest),
                Ok(()),
                "{place}"
            );
            let by_itself = scene.judge(1, "a.example", other(place), ByItself);
            assert_eq!(by_itself.is_ok(), place < 15, "{place}: {by_itself:?}");
            scene.begin(0, "a.example", other(place), OnRequest, true);
        }
        assert_eq!(
            scene.judge(1, "a.example", other(30), OnRequest),
            too_many(Crowded::Host, 600)
        );
        // It waits until so many have gone that fifteen are left, less one.
        assert_eq!(
            scene.judge(1, "a.example", other(30), ByItself),
            too_many(Crowded::Host, 2100)
        );
        assert_eq!(scene.judge(1, "b.example", other(30), OnRequest), Ok(()));
    }

    #[test]
    fn what_a_wrong_clock_has_begun_does_not_count() {
        let mut scene = Scene::new();
        (0..6).for_each(|_| scene.begin(0, "a.example", after(3600), OnRequest, false));
        assert_eq!(scene.judge(0, "a.example", NOW, OnRequest), Ok(()));
        let ahead = scene.judge(0, "a.example", after(1), OnRequest);
        assert_eq!(
            ahead,
            too_many(Crowded::Webhook, 3600),
            "it may be a clock that is only ahead"
        );
    }
}
