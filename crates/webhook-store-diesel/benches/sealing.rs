//! What sealing and opening one signing key costs, beside the cipher alone.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use webhook_domain::entropy::Entropy;
use webhook_store_diesel::SystemEntropy;
use webhook_store_diesel::sealing::{MasterKey, Place, Vault};

const SECRET: &[u8] = b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn sealing(criterion: &mut Criterion) {
    let entropy = Arc::new(SystemEntropy::new());
    let Ok(key) = MasterKey::generate(entropy.as_ref()) else {
        return;
    };
    let Ok(vault) = Vault::new(key, entropy.clone() as Arc<dyn Entropy>) else {
        return;
    };
    let Ok(sealed) = vault.seal(Place::Proof, SECRET) else {
        return;
    };
    let mut group = criterion.benchmark_group("sealing");
    group.bench_function("seal", |bencher| {
        bencher.iter(|| vault.seal(Place::Proof, black_box(SECRET)))
    });
    group.bench_function("open", |bencher| {
        bencher.iter(|| vault.open(Place::Proof, black_box(&sealed)))
    });
    let Ok(cipher) = UnboundKey::new(&AES_256_GCM, &[7; 32]).map(LessSafeKey::new) else {
        return;
    };
    group.bench_function("limit: the cipher alone", |bencher| {
        bencher.iter(|| {
            let mut body = SECRET.to_vec();
            let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
            cipher
                .seal_in_place_append_tag(nonce, Aad::empty(), black_box(&mut body))
                .map(|()| body)
        });
    });
    group.finish();
}

criterion_group!(benches, sealing);
criterion_main!(benches);
