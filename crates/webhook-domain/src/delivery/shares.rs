//! How many attempts may be under way for whom, so that nobody slow takes what others need.
//!
//! There is a number of places in all. A platform gets another one only while it has fewer than twice what is free; so does a host
//! within its platform, of what is free to the platform. One alone can have two thirds of all, and whoever comes then finds something
//! free; the more there are, the closer all come to the same share.

use std::collections::BTreeMap;

use crate::id::PlatformId;

/// The places, and who has them.
#[derive(Debug)]
pub struct Shares {
    places: usize,
    taken: usize,
    platforms: BTreeMap<PlatformId, OfPlatform>,
}

#[derive(Debug, Default)]
struct OfPlatform {
    taken: usize,
    hosts: BTreeMap<String, usize>,
}

impl Shares {
    /// So many places, all of them free.
    #[must_use]
    pub const fn new(places: usize) -> Self {
        Self {
            places,
            taken: 0,
            platforms: BTreeMap::new(),
        }
    }

    /// Takes a place for an attempt to reach `host` for `platform`, if it may have one now.
    pub fn try_take(&mut self, platform: &PlatformId, host: &str) -> bool {
        let admitted = self.admits(platform, host);
        if admitted {
            self.taken += 1;
            let of_platform = self.platforms.entry(platform.clone()).or_default();
            of_platform.taken += 1;
            *of_platform.hosts.entry(host.to_owned()).or_default() += 1;
        }
        admitted
    }

    /// Gives a place back that was taken for this.
    pub fn give_back(&mut self, platform: &PlatformId, host: &str) {
        let Some(of_platform) = self.platforms.get_mut(platform) else {
            return;
        };
        let Some(of_host) = of_platform.hosts.get_mut(host) else {
            return;
        };
        *of_host -= 1;
        of_platform.taken -= 1;
        self.taken -= 1;
        // Nothing is kept of whoever has nothing.
        if *of_host == 0 {
            of_platform.hosts.remove(host);
        }
        if of_platform.taken == 0 {
            self.platforms.remove(platform);
        }
    }

    /// Whether `platform` may have another place to reach `host`.
    #[must_use]
    pub fn admits(&self, platform: &PlatformId, host: &str) -> bool {
        if self.taken >= self.places {
            return false;
        }
        let free = 2 * (self.places - self.taken);
        let of_platform = self.of_platform(platform);
        of_platform < free && self.of_host(platform, host) < 2 * (free - of_platform)
    }

    /// How many places are taken.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// How many places there are.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.places
    }

    /// How many a platform has.
    #[must_use]
    pub fn of_platform(&self, platform: &PlatformId) -> usize {
        self.platforms.get(platform).map_or(0, |share| share.taken)
    }

    /// How many a platform has to reach this host.
    #[must_use]
    pub fn of_host(&self, platform: &PlatformId, host: &str) -> usize {
        let of_platform = self.platforms.get(platform);
        of_platform
            .and_then(|share| share.hosts.get(host))
            .copied()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    /// Takes all that may be had.
    fn fill(shares: &mut Shares, platform: &PlatformId, host: &str) -> usize {
        std::iter::from_fn(|| shares.try_take(platform, host).then_some(())).count()
    }

    #[test]
    fn one_platform_leaves_something_to_others_and_one_host_to_others_of_its_platform() {
        let mut shares = Shares::new(512);
        let (one, other) = (fixtures::platform("one"), fixtures::platform("other"));
        let hanging = fill(&mut shares, &one, "hangs.example");
        assert!((250..300).contains(&hanging), "{hanging}");
        let beside = fill(&mut shares, &one, "other.example");
        assert!(beside > 0);
        assert!((330..345).contains(&(hanging + beside)));
        let neighbours = fill(&mut shares, &other, "hangs.example");
        assert!(neighbours > 50, "{neighbours}");
        assert_eq!(shares.taken(), hanging + beside + neighbours);
        for (platform, host, count) in [
            (&one, "hangs.example", hanging),
            (&one, "other.example", beside),
            (&other, "hangs.example", neighbours),
        ] {
            assert_eq!(shares.of_host(platform, host), count);
            (0..count).for_each(|_| shares.give_back(platform, host));
        }
        shares.give_back(&one, "hangs.example");
        assert_eq!(shares.taken(), 0);
        assert!(shares.platforms.is_empty(), "nothing is kept in mind");
    }

    #[test]
    fn four_platforms_whose_hosts_hang_leave_something_to_a_fifth() {
        let mut shares = Shares::new(512);
        let platforms: Vec<_> = (0..4)
            .map(|number| fixtures::platform(&format!("p{number}")))
            .collect();
        while platforms
            .iter()
            .filter(|platform| shares.try_take(platform, "hangs.example"))
            .count()
            > 0
        {}
        let fifth = fill(&mut shares, &fixtures::platform("fifth"), "fast.example");
        assert!(fifth >= 20, "{fifth}");
    }

    #[test]
    fn where_there_are_no_places_nobody_gets_one() {
        assert!(!Shares::new(0).try_take(&fixtures::platform("one"), "a.example"));
        assert!(Shares::new(1).try_take(&fixtures::platform("one"), "a.example"));
    }
}
