//! Previous credentials at rest: bound to their webhook, and gone with it.

use webhook_domain::ports::WebhookStore as _;
use webhook_domain::services::RollSecret;
use webhook_domain::signing::key_ring::Overlap;
use webhook_domain::testing::{ManualClock, fixtures};
use webhook_domain::webhook::{Settings, Webhook};
use webhook_domain::{ServiceError, StoreError};

use crate::opening::execute;
use crate::place::{Place, Services, done, on_each_database};

on_each_database! {
    previous_credentials_copied_to_another_webhook_do_not_open
    what_a_release_deletes_that_knows_nothing_of_them_is_not_swept_for_ever
}

/// A webhook with previous credentials and no retired key.
async fn with_previous_credentials(services: &Services) -> Webhook {
    let settings = Settings {
        reference: None,
        ..fixtures::full_settings()
    };
    let created = services.create_with(settings).await.unwrap();
    let roll = RollSecret {
        update: Some(fixtures::password_changed("another-word", Overlap::DAY)),
        overlap: Some(Overlap::NONE),
        ..RollSecret::default()
    };
    let rolled = services.secrets.roll(&services.acting, created.id, roll).await;
    done(rolled.unwrap())
}

async fn previous_credentials_copied_to_another_webhook_do_not_open(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let from = with_previous_credentials(&services).await;
    let to = with_previous_credentials(&services).await;
    assert_eq!(
        from.version, to.version,
        "their places differ by the webhook alone"
    );
    execute(
        &place,
        &format!(
            "UPDATE webhooks SET previous_credentials = \
             (SELECT other.previous_credentials FROM webhooks other WHERE other.id = '{}') WHERE id = '{}'",
            from.id, to.id
        ),
    );
    let refused = services.read(to.id).await.unwrap_err();
    assert!(
        matches!(refused, ServiceError::Store(StoreError::Corrupt(_))),
        "{refused:?}"
    );
    assert_eq!(services.read(from.id).await.unwrap(), from);
}

async fn what_a_release_deletes_that_knows_nothing_of_them_is_not_swept_for_ever(place: Place) {
    let store = place.open();
    let services = Services::over(&store);
    let webhook = with_previous_credentials(&services).await;
    let later = Overlap::DAY.as_seconds();
    let later = ManualClock::START.plus(std::time::Duration::from_secs(later.into()));
    let due = store.with_expired_keys(later, 10).await.unwrap();
    assert_eq!(due, [(webhook.platform.clone(), webhook.id)]);
    execute(
        &place,
        &format!("DELETE FROM webhooks WHERE id = '{}'", webhook.id),
    );
    assert_eq!(store.with_expired_keys(later, 10).await.unwrap(), []);
}
