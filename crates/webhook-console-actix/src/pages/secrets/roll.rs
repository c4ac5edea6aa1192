//! Rolling a webhook's secret: what would sign until when, then the roll, then the new secret, once.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::ServiceError;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::{RollPreview, RollSecret};
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Edit, SettingsUpdate, Webhook};

use super::overlaps::{self, Choice};
use crate::pages::webhooks::list::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::request::call::Call;
use crate::request::form::Form;
use crate::trouble::{Trouble, sentence};
use crate::view::secrets::ShownKeys;
use crate::view::{Frame, When, page, webhook};

#[derive(Template)]
#[template(path = "secrets/roll.html")]
struct RollPage {
    frame: Frame,
    href: String,
    title: String,
    form_key: String,
    version: i64,
    asked: Asked,
    overlaps: Vec<Choice>,
    /// The protocol of the new key.
    protocol: SigningProtocol,
    current: Option<String>,
    preview: Result<Preview, String>,
}

impl RollPage {
    fn protocols(&self) -> [SigningProtocol; 2] {
        SigningProtocol::ALL
    }
}

/// What would sign until when.
struct Preview {
    retired: Vec<(String, When)>,
    ended: Vec<String>,
}

impl Preview {
    fn new(preview: &RollPreview, now: Instant) -> Self {
        let retired = preview.retired.iter();
        Self {
            retired: retired
                .map(|(key, until)| (key.to_string(), When::new(*until, now)))
                .collect(),
            ended: preview.ended.iter().map(ToString::to_string).collect(),
        }
    }
}

/// How the roll is to be.
struct Asked {
    overlap: String,
    keeps: bool,
    protocol: String,
}

impl Asked {
    fn of_query(call: &Call) -> Self {
        Self {
            overlap: call.query("overlap").unwrap_or_default(),
            keeps: call.query("keep").is_some(),
            protocol: call.query("protocol").unwrap_or_default(),
        }
    }

    fn of_form(form: &Form) -> Self {
        Self {
            overlap: form.text("overlap").to_owned(),
            keeps: !form.text("keep").is_empty(),
            protocol: form.text("protocol").to_owned(),
        }
    }

    /// The protocol of the new key of `webhook`.
    fn protocol(&self, webhook: &Webhook) -> Result<SigningProtocol, Trouble> {
        match self.protocol.as_str() {
            "" => Ok(webhook.settings.signing_protocol),
            text => text.parse().map_err(|_| Trouble::NoForm),
        }
    }

    /// The roll, as the domain takes it.
    fn roll(&self, webhook: &Webhook) -> Result<RollSecret, Trouble> {
        let settings = &webhook.settings;
        let protocol = self.protocol(webhook)?;
        let update = (protocol != settings.signing_protocol).then(|| SettingsUpdate {
            signing_protocol: Edit::Set(protocol),
            ..SettingsUpdate::new(
                settings.active,
                settings.include_previous_data,
                settings.authentication.kind(),
            )
        });
        Ok(RollSecret {
            update,
            overlap: overlaps::read(&self.overlap)?,
            keeps_previous_until_adopted: self.keeps,
            ..RollSecret::default()
        })
    }
}

pub(crate) async fn preview(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let key = call.form_key()?;
    let console = call.console();
    let shown = console.webhooks.look(&acting, id).await?;
    let asked = Asked::of_query(&call);
    let preview = match console
        .secret_keys
        .preview(&acting, id, asked.roll(&shown)?)
        .await
    {
        Ok(preview) => Ok(Preview::new(&preview, console.clock.now())),
        // The choice is beside it and can be made anew.
        Err(ServiceError::Refused(refusal)) => Err(sentence(&refusal.to_string())),
        Err(error) => return Err(error.into()),
    };
    page(&RollPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&shown),
        title: webhook::title(&shown),
        form_key: key.as_str().to_owned(),
        version: shown.version.0,
        overlaps: overlaps::choices(&asked.overlap, console.default_overlap),
        protocol: asked.protocol(&shown)?,
        current: shown.key_ring.current().map(|key| key.fingerprint().to_string()),
        asked,
        preview,
    })
}

#[derive(Template)]
#[template(path = "secrets/rolled.html")]
struct RolledPage {
    frame: Frame,
    href: String,
    shown: ShownKeys,
}

pub(crate) async fn roll(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let console = call.console();
    let stored = console.webhooks.look(&acting, id).await?;
    let roll = Asked::of_form(&form).roll(&stored)?;
    let shown = call
        .once(&acting, &form, ShownKeys::of_new, async |request| {
            let roll = RollSecret {
                precondition: form.version(),
                idempotent: Some(request),
                ..roll
            };
            console.secret_keys.roll(&acting, id, roll).await
        })
        .await?;
    page(&RolledPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&stored),
        shown,
    })
}
