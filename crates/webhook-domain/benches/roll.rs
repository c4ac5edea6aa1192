//! What a roll costs before any store is asked: the rule, the randomness, the look at a credential; and what a signature costs.
//!
//! `cargo bench -p webhook-domain`. The source of randomness here is a hash; the operating system's is the
//! server's own affair.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use webhook_domain::access::api_key::{PresentedApiKey, generate_text};
use webhook_domain::id::{ApiKeyId, EventId};
use webhook_domain::signing::key_ring::{KeyRing, MAX_RETIRED_KEYS, NewKey, Overlap, SigningKey};
use webhook_domain::signing::signature::sign;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::testing::{ManualClock, SeededEntropy, fixtures};
use webhook_domain::time::Instant;

const NOW: Instant = ManualClock::START;

fn new_key(entropy: &SeededEntropy) -> SigningKey {
    fixtures::new_key(NOW, entropy).under(SigningProtocol::HmacSha256)
}

fn ring_with_retired(keys: usize, entropy: &SeededEntropy) -> KeyRing {
    (0..keys).fold(KeyRing::new(new_key(entropy)), |ring, _| {
        ring.clone()
            .roll(new_key(entropy), Overlap::DAY, NOW)
            .unwrap_or(ring)
    })
}

/// With five retired keys a roll with an overlap is refused: that is the last of the figures.
fn roll_the_ring(criterion: &mut Criterion) {
    let entropy = SeededEntropy::default();
    let mut group = criterion.benchmark_group("roll a ring with retired keys");
    for retired in 0..=MAX_RETIRED_KEYS {
        let ring = ring_with_retired(retired, &entropy);
        let key = new_key(&entropy);
        group.bench_with_input(BenchmarkId::from_parameter(retired), &ring, |bencher, ring| {
            bencher.iter_batched(
                || (ring.clone(), key.clone()),
                |(ring, key)| ring.roll(key, Overlap::DAY, black_box(NOW)),
                BatchSize::SmallInput,
            );
        });
    }
}

fn decide_on_a_webhook(criterion: &mut Criterion) {
    let entropy = SeededEntropy::default();
    let webhook = fixtures::webhook(&fixtures::acme(), fixtures::full_settings(), NOW, &entropy);
    let key = fixtures::new_key(NOW, &entropy);
    criterion.bench_function("roll a webhook as stored", |bencher| {
        bencher.iter(|| {
            black_box(&webhook)
                .clone()
                .roll(None, key.clone(), Overlap::DAY, NOW)
        });
    });
}

fn make_a_key(criterion: &mut Criterion) {
    let entropy = SeededEntropy::default();
    criterion.bench_function("make a signing key", |bencher| {
        bencher.iter(|| NewKey::generate(black_box(NOW), &entropy));
    });
}

/// As an attempt does it: the ring comes from the store anew, and shares what the attempt before has derived, or does not.
fn sign_a_delivery(criterion: &mut Criterion) {
    let entropy = SeededEntropy::default();
    let Ok(event) = EventId::generate(NOW, &entropy) else {
        return;
    };
    let body = vec![b'x'; 1024];
    let mut group = criterion.benchmark_group("sign a delivery of 1 KiB");
    for protocol in SigningProtocol::ALL {
        let signed = [fixtures::new_key(NOW, &entropy).under(protocol)];
        for shares in [false, true] {
            let read = || SigningKey::restore(signed[0].id, protocol, signed[0].kept()).map(KeyRing::new);
            let name = format!("{protocol}{}", if shares { ", shared" } else { "" });
            group.bench_function(name, |bencher| {
                bencher.iter_batched(
                    read,
                    |ring| {
                        let ring = ring.map(|ring| if shares { ring.sharing(&signed) } else { ring });
                        ring.map(|ring| sign(&ring, event, black_box(&body), NOW))
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

fn read_an_api_key(criterion: &mut Criterion) {
    let entropy = SeededEntropy::default();
    let text = ApiKeyId::generate(NOW, &entropy).and_then(|id| generate_text(id, &entropy));
    let Ok((text, _)) = text else { return };
    let mut mistyped = text.expose().to_owned();
    mistyped.replace_range(40..41, if &mistyped[40..41] == "0" { "1" } else { "0" });
    criterion.bench_function("read an API key", |bencher| {
        bencher.iter(|| PresentedApiKey::read(black_box(text.expose())));
    });
    criterion.bench_function("refuse a mistyped API key", |bencher| {
        bencher.iter(|| PresentedApiKey::read(black_box(&mistyped)));
    });
}

criterion_group!(
    benches,
    roll_the_ring,
    decide_on_a_webhook,
    make_a_key,
    sign_a_delivery,
    read_an_api_key
);
criterion_main!(benches);
