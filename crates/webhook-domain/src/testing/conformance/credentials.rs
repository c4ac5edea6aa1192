//! Previous credentials are kept with their webhook, and erased when their time is over.

use std::time::Duration;

use super::Ports;
use super::scene::{Scene, done, held};
use crate::ports::{Change, Effect};
use crate::services::Upkeep;
use crate::signing::key_ring::Overlap;
use crate::signing::secret::SecretText;
use crate::testing::fixtures;
use crate::webhook::{ApiKeyValue, AuthenticationType, Edit, Password, Settings, SettingsUpdate, Webhook};

/// More than any run leaves behind.
const MANY: u32 = 100_000;

/// Settings in which every credential is set.
fn settings() -> Settings {
    Settings {
        reference: None,
        ..fixtures::full_settings()
    }
}

/// Changes the webhook's password and API key, and keeps what was in use for so many seconds.
async fn credentials_changed(
    scene: &Scene,
    webhook: &Webhook,
    kind: AuthenticationType,
    to: &str,
    seconds: u64,
) -> Webhook {
    let secret = || SecretText::new(to.into());
    let update = SettingsUpdate {
        password: Edit::Set(held(Password::parse(secret()))),
        api_key: Edit::Set(held(ApiKeyValue::parse(secret()))),
        previous_credentials_expires_in: held(Overlap::from_seconds(seconds)),
        ..SettingsUpdate::new(true, false, kind)
    };
    let now = scene.now();
    let decide = move |stored: &Webhook| {
        let updated = stored.clone().update(&update, now)?;
        Ok(Change {
            effect: Effect::Save(Box::new(updated)),
            ..Change::default()
        })
    };
    done(scene.change(webhook.id, None, decide).await).0
}

fn expiry(webhook: &Webhook) -> Option<crate::time::Instant> {
    let previous = webhook.previous_credentials.as_ref();
    previous.map(|previous| previous.expires_at)
}

/// Of either type: read back, given to whoever delivers, left alone by a roll, replaced and dropped.
pub async fn previous_credentials_read_back_equal(ports: &Ports) {
    let scene = Scene::new(ports);
    let process = scene.process().await;
    for kind in [AuthenticationType::Password, AuthenticationType::ApiKey] {
        let webhook = scene.create(settings()).await;
        // The type is another after this: nothing is kept yet.
        let mut before = credentials_changed(&scene, &webhook, kind, "first", 0).await;
        for to in ["second", "third"] {
            let kept = credentials_changed(&scene, &before, kind, to, 604_800).await;
            let used = kept.previous_credentials(scene.now());
            assert!(used.is_some_and(|used| used.since == kept.version));
            assert_ne!(kept.previous_credentials, before.previous_credentials);
            assert_eq!(scene.stored(webhook.id).await, kept);
            before = kept;
        }
        let lane = scene.lane(process, &webhook).await;
        assert_eq!(lane.webhook.previous_credentials, before.previous_credentials);
        let (rolled, _) = done(scene.roll(webhook.id, Overlap::DAY).await);
        assert_eq!(rolled.previous_credentials, before.previous_credentials);
        assert_eq!(scene.stored(webhook.id).await, rolled);
        let dropped = credentials_changed(&scene, &webhook, kind, "fourth", 0).await;
        assert_eq!(dropped.previous_credentials, None);
        assert_eq!(scene.stored(webhook.id).await, dropped);
    }
}

/// A webhook is found by the first of its keys and credentials to expire, and by none that it no longer has.
pub async fn expired_credentials_are_found_and_erased(ports: &Ports) {
    let scene = Scene::at(ports, held("2005-01-01T00:00:00Z".parse()));
    let kind = AuthenticationType::Password;
    let kept_for = async |seconds| {
        let webhook = scene.create(settings()).await;
        credentials_changed(&scene, &webhook, kind, "new", seconds).await
    };
    let (early, late) = (kept_for(100).await, kept_for(300).await);
    let with_key = kept_for(100).await;
    let (with_key, _) = done(scene.roll(with_key.id, held(Overlap::from_seconds(100))).await);
    let gone = kept_for(100).await;
    let delete = |_: &Webhook| {
        Ok(Change {
            effect: Effect::Delete,
            ..Change::default()
        })
    };
    done(scene.change(gone.id, None, delete).await);
    let due = async || {
        let mut due = held(ports.webhooks().with_expired_keys(scene.now(), MANY).await);
        due.retain(|(platform, _)| *platform == scene.platform);
        due.sort_by_key(|(_, webhook)| *webhook);
        due.into_iter().map(|(_, webhook)| webhook).collect::<Vec<_>>()
    };
    scene.clock.advance(Duration::from_secs(99));
    assert_eq!(due().await, []);
    scene.clock.advance(Duration::from_secs(1));
    let mut both = [early.id, with_key.id];
    both.sort();
    assert_eq!(due().await, both, "each once");
    assert_eq!(
        held(ports.webhooks().with_expired_keys(scene.now(), 1).await).len(),
        1
    );
    let upkeep = Upkeep::new(ports.webhooks().clone(), scene.clock.clone());
    assert!(held(upkeep.run().await).webhooks_swept >= 2);
    for (webhook, is_swept) in [(&early, true), (&with_key, true), (&late, false)] {
        let stored = scene.stored(webhook.id).await;
        assert_eq!(stored, webhook.clone().without_expired_keys(scene.now()));
        assert_eq!(expiry(&stored).is_none(), is_swept);
        assert_eq!(stored.version, webhook.version);
    }
    assert_eq!(due().await, []);
}
