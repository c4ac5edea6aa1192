//! Until when one retired key signs: set anew, or no more at once.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::SetExpiry;
use webhook_domain::signing::key_ring::ExpiresIn;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::webhook::Webhook;

use crate::done::{self, Done};
use crate::pages::webhooks::list::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, When, page, webhook};

#[derive(Template)]
#[template(path = "secrets/retired.html")]
struct RetiredPage {
    frame: Frame,
    href: String,
    title: String,
    form_key: String,
    version: i64,
    fingerprint: String,
    until: When,
    /// Whether it is known that the receiver verifies with the current key.
    is_adopted: bool,
    /// Whether whoever comes here is about to end it.
    ends_now: bool,
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let fingerprint: Fingerprint = call.part("fingerprint")?;
    let key = call.form_key()?;
    let console = call.console();
    let shown = console.webhooks.look(&acting, id).await?;
    let now = console.clock.now();
    let mut retired = shown.key_ring.retired_at(now);
    let retired = retired.find(|retired| retired.key.fingerprint() == fingerprint);
    let retired = retired.ok_or(Trouble::NotFound)?;
    page(&RetiredPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&shown),
        title: webhook::title(&shown),
        form_key: key.as_str().to_owned(),
        version: shown.version.0,
        until: When::new(shown.key_ring.expiry_of(retired, now), now),
        is_adopted: shown.key_ring.adoption().is_some(),
        ends_now: call.query("end").as_deref() == Some("now"),
        fingerprint: fingerprint.to_string(),
    })
}

pub(crate) async fn set(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let fingerprint: Fingerprint = call.part("fingerprint")?;
    let form = call.form().await?;
    let seconds = form.text("seconds").parse().map_err(|_| Trouble::NoForm)?;
    let expires_in = ExpiresIn::from_seconds(seconds).map_err(|_| Trouble::NoForm)?;
    let secret_keys = &call.console().secret_keys;
    let place = call
        .once(
            &acting,
            &form,
            |webhook: &Webhook, _| path_of(webhook),
            async |request| {
                let set = SetExpiry {
                    fingerprint: fingerprint.clone(),
                    expires_in,
                    precondition: form.version(),
                    idempotent: Some(request),
                };
                secret_keys.set_expiry(&acting, id, set).await
            },
        )
        .await?;
    Err(Trouble::Elsewhere(done::at(&place, Done::RetiredSet)))
}
