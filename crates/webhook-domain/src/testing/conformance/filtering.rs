//! Lists of the webhooks that meet conditions.

use super::Ports;
use super::held_up::fail_head;
use super::scene::{Scene, done, held};
use crate::id::WebhookId;
use crate::signing::key_ring::Overlap;
use crate::signing::signing_protocol::SigningProtocol;
use crate::testing::{ManualClock, Random, fixtures};
use crate::time::Instant;
use crate::webhook::{
    Direction, Name, PageSize, PageStart, Settings, TargetUrl, Webhook, WebhookFilter, WebhookOrder,
    WebhookQuery,
};

/// Spellings of urls, and the hosts that they name.
const URLS: [(&str, &str); 8] = [
    ("https://example.com/hooks", "example.com"),
    ("https://EXAMPLE.com:8443/?at=b.example.com", "example.com"),
    ("HTTPS://example.com./", "example.com"),
    ("https://b.example.com", "b.example.com"),
    ("https://bücher.example/example.com", "xn--bcher-kva.example"),
    ("http://0xc0000201:8080", "192.0.2.1"),
    ("https://[2001:DB8::0001]/", "[2001:db8::1]"),
    // No url that is accepted today.
    ("example.com", ""),
];

/// Names, some of which a pattern or a quote would make of others.
const NAMES: [&str; 7] = ["", "a", "A", "ä", "a%b_c", "a' OR '1'='1", "100% \\ \"☃\""];

/// A webhook of a list, with what a filter asks for, kept apart from how the webhook has it.
struct Made {
    id: WebhookId,
    reference: Option<String>,
    name: Option<&'static str>,
    active: bool,
    held_up: bool,
    host: Option<&'static str>,
    dates_from: Instant,
}

impl Made {
    fn meets(&self, filter: &WebhookFilter) -> bool {
        let text = |wanted: Option<&str>, found: Option<&str>| wanted.is_none() || wanted == found;
        text(
            filter.reference.as_ref().map(|reference| reference.as_str()),
            self.reference.as_deref(),
        ) && text(filter.name.as_ref().map(Name::as_str), self.name)
            && filter.active.is_none_or(|active| active == self.active)
            && filter
                .in_penalty_box
                .is_none_or(|held_up| held_up == self.held_up)
            && text(filter.url_host.as_ref().map(|host| host.as_str()), self.host)
            && filter
                .rolled_before
                .is_none_or(|instant| self.dates_from < instant)
    }
}

/// Webhooks in every state that a filter asks for. The clock is a minute ahead then.
async fn assorted(scene: &Scene, random: &mut Random) -> Vec<Made> {
    let mut all: Vec<(Webhook, Made)> = Vec::new();
    for number in 0..24 {
        let url = Some(random.pick(&URLS)).filter(|_| random.chance(85));
        let name = Some(random.pick(&NAMES)).filter(|_| random.chance(85));
        let reference = random.chance(70).then(|| match number {
            0 => String::new(),
            _ => format!("{}{number}", random.pick(&NAMES)),
        });
        let settings = Settings {
            name: name.map(|name| held(Name::parse(name.into()))),
            reference: reference.as_deref().map(fixtures::reference),
            active: random.chance(75),
            url: url.map(|(url, _)| TargetUrl::restore(url.into())),
            ..fixtures::bare_settings()
        };
        let webhook = scene.create(settings).await;
        let made = Made {
            id: webhook.id,
            reference,
            name,
            active: webhook.settings.active,
            held_up: false,
            host: url.map(|(_, host)| host),
            dates_from: webhook.created_at,
        };
        all.push((webhook, made));
        scene.clock.advance(random.up_to(1500));
    }
    // No sooner: a process lives for seconds without a word.
    let process = scene.process().await;
    scene.published("INVOICE.CREATED").await;
    for (webhook, made) in &mut all {
        if made.active && random.chance(40) {
            fail_head(scene, process, webhook).await;
            made.held_up = true;
        }
    }
    for _ in 0..12 {
        scene.clock.advance(random.up_to(1500));
        let place = random.below(all.len());
        let (webhook, made) = &mut all[place];
        match random.chance(70) {
            true => drop(done(scene.roll(webhook.id, Overlap::NONE).await)),
            false => drop(done(scene.remove(webhook.id, Overlap::NONE, None).await)),
        }
        let rolled_at = scene.stored(webhook.id).await.key_ring.rolled_at();
        made.dates_from = held(rolled_at.ok_or("it was rolled"));
        // Neither rolls nor makes anything new.
        let renamed = held(Name::parse("a".into()));
        done(
            scene
                .set(webhook.id, move |settings| {
                    settings.name = Some(renamed.clone());
                    settings.include_previous_data = true;
                })
                .await,
        );
        made.name = Some("a");
    }
    scene.clock.advance_seconds(60);
    all.into_iter().map(|(_, made)| made).collect()
}

fn some_filter(random: &mut Random, made: &[Made], now: Instant) -> WebhookFilter {
    let mut filter = WebhookFilter::default();
    let like = random.below(made.len());
    let like = &made[like];
    if random.chance(10) {
        let reference = like.reference.clone().unwrap_or_default();
        filter.reference = Some(fixtures::reference(&reference));
    }
    if random.chance(25) {
        let name = like.name.unwrap_or("no such name");
        filter.name = Some(held(Name::parse(name.into())));
    }
    if random.chance(30) {
        filter.active = Some(random.chance(60));
    }
    if random.chance(30) {
        filter.in_penalty_box = Some(random.chance(50));
    }
    if random.chance(30) {
        let host = like.host.filter(|host| !host.is_empty());
        filter.url_host = Some(held(host.unwrap_or("nowhere.example").parse()));
    }
    if random.chance(20) {
        filter.signing_protocol = Some(SigningProtocol::HmacSha256);
    }
    if random.chance(40) {
        let around = like.dates_from.minus(random.up_to(1)).plus(random.up_to(1));
        filter.rolled_before = Some(match random.chance(80) {
            true => around,
            false => now.plus(random.up_to(100_000)),
        });
    }
    filter
}

/// Whatever is asked for, in every order, by number and from every place: the list is what it would be if there were no other
/// webhooks.
pub async fn a_filtered_list_has_what_meets_every_condition(ports: &Ports) {
    let (scene, other) = (Scene::new(ports), Scene::new(ports));
    let mut random = Random::new(32);
    let made = assorted(&scene, &mut random).await;
    // Another platform's are alike, and count nowhere.
    for (url, _) in URLS {
        let settings = Settings {
            name: Some(held(Name::parse("a".into()))),
            url: Some(TargetUrl::restore(url.into())),
            ..fixtures::bare_settings()
        };
        other.create(settings).await;
    }
    let all = scene.list().await;
    assert_eq!(all.len(), made.len());
    for round in 0..150 {
        let filter = some_filter(&mut random, &made, scene.now());
        let order = random.pick(&WebhookOrder::ALL);
        let direction = random.pick(&Direction::ALL);
        let mut expected: Vec<&Webhook> = all
            .iter()
            .filter(|webhook| {
                made.iter()
                    .any(|made| made.id == webhook.id && made.meets(&filter))
            })
            .collect();
        expected.sort_by_key(|webhook| order.cursor_of(webhook));
        if direction == Direction::Descending {
            expected.reverse();
        }
        let limit = [1, 3, 100][random.below(3)];
        let page = async |start| {
            let query = WebhookQuery {
                limit: held(PageSize::new(limit)),
                start,
                order,
                direction,
                filter: filter.clone(),
                at: scene.now(),
            };
            let page = scene.page(query).await;
            let told = format!("{round}: {filter:?} {order:?} {direction:?} {limit}");
            assert_eq!(page.total, expected.len() as u64, "{told}");
            (page.webhooks, told)
        };
        let size = limit as usize;
        for (number, part) in (1..).zip(expected.chunks(size)) {
            let (found, told) = page(PageStart::Number(number)).await;
            assert!(found.iter().eq(part.iter().copied()), "{told} page {number}");
        }
        let beyond = expected.len().div_ceil(size) as u64 + 1;
        let (found, told) = page(PageStart::Number(beyond)).await;
        assert_eq!(found, [], "{told} page {beyond}");
        // From any webhook of the platform, in the list or not.
        let from = &all[random.below(all.len())];
        let cursor = order.cursor_of(from);
        let stands_before = |webhook: &&&Webhook| match direction {
            Direction::Ascending => order.cursor_of(webhook) < cursor,
            Direction::Descending => order.cursor_of(webhook) > cursor,
        };
        let before: Vec<_> = expected.iter().filter(stands_before).copied().collect();
        let after: Vec<_> = expected[before.len()..]
            .iter()
            .filter(|webhook| webhook.id != from.id)
            .take(size)
            .copied()
            .collect();
        let (found, told) = page(PageStart::After(cursor.clone())).await;
        assert!(found.iter().eq(after), "{told} after {cursor:?}");
        let (found, told) = page(PageStart::Before(cursor.clone())).await;
        let before = &before[before.len().saturating_sub(size)..];
        assert!(
            found.iter().eq(before.iter().copied()),
            "{told} before {cursor:?}"
        );
    }
}

/// A secret dates from its last roll or its removal, and from the webhook's creation if there was neither. The instant itself is not
/// before itself.
pub async fn webhooks_are_found_by_how_old_their_secret_is(ports: &Ports) {
    let scene = Scene::new(ports);
    let created = scene.create(fixtures::bare_settings()).await;
    let rolled = scene.create(fixtures::bare_settings()).await;
    let removed = scene.create(fixtures::bare_settings()).await;
    scene.clock.advance_seconds(100);
    done(scene.roll(rolled.id, Overlap::DAY).await);
    scene.clock.advance_seconds(100);
    done(scene.remove(removed.id, Overlap::DAY, None).await);
    scene.clock.advance_seconds(100);
    let start = ManualClock::START.whole_seconds();
    let second = |seconds| start.plus(std::time::Duration::from_secs(seconds));
    for (instant, expected) in [
        (second(0), &[][..]),
        (ManualClock::START, &[]),
        (second(1), &[created.id]),
        (second(100), &[created.id]),
        (second(101), &[created.id, rolled.id]),
        (second(200), &[created.id, rolled.id]),
        (second(201), &[created.id, rolled.id, removed.id]),
        (second(9_999_999), &[created.id, rolled.id, removed.id]),
    ] {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(rolled_before(&scene, instant).await, expected, "{instant:?}");
    }
    // The next roll is what counts from then on.
    done(scene.roll(rolled.id, Overlap::DAY).await);
    assert_eq!(rolled_before(&scene, second(200)).await, [created.id]);
}

async fn rolled_before(scene: &Scene, instant: Instant) -> Vec<WebhookId> {
    let query = WebhookQuery {
        filter: WebhookFilter {
            rolled_before: Some(instant),
            ..WebhookFilter::default()
        },
        ..WebhookQuery::default()
    };
    let page = scene.page(query).await;
    assert_eq!(page.total, page.webhooks.len() as u64);
    let mut found: Vec<_> = page.webhooks.iter().map(|webhook| webhook.id).collect();
    found.sort_unstable();
    found
}

/// A webhook is in the box from its first failure to the next success, and so it is found.
pub async fn webhooks_are_found_while_their_queue_is_held_up(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    let free = scene.create(fixtures::bare_settings()).await;
    let webhook = scene.create(fixtures::bare_settings()).await;
    let found = async |in_penalty_box| {
        let query = WebhookQuery {
            filter: WebhookFilter {
                in_penalty_box: Some(in_penalty_box),
                ..WebhookFilter::default()
            },
            ..WebhookQuery::default()
        };
        let page = scene.page(query).await;
        let mut ids: Vec<_> = page.webhooks.iter().map(|webhook| webhook.id).collect();
        ids.sort_unstable();
        ids
    };
    let mut both = vec![free.id, webhook.id];
    both.sort_unstable();
    assert_eq!((found(true).await, found(false).await), (vec![], both.clone()));
    scene.published("INVOICE.CREATED").await;
    fail_head(&scene, process, &webhook).await;
    assert_eq!(
        (found(true).await, found(false).await),
        (vec![webhook.id], vec![free.id])
    );
    scene.deliver(process, &webhook).await;
    assert_eq!((found(true).await, found(false).await), (vec![], both));
}
