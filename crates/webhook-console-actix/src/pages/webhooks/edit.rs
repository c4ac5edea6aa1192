//! Creating a webhook, and changing its settings. What is wrong with a field is said beside it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use webhook_domain::ServiceError;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::services::{CreateWebhook, UpdateWebhook};
use webhook_domain::signing::imported::ImportedSecret;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::webhook::{AuthenticationType, Edit, Settings, Webhook};

use super::fields::{Fields, Problem};
use super::list::PLACE;
use super::show::path_of;
use crate::done::{self, Done};
use crate::pages::actions;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::secrets::ShownKeys;
use crate::view::{Frame, page, page_with, webhook};

#[derive(Template)]
#[template(path = "webhooks/edit.html")]
struct EditPage {
    frame: Frame,
    /// What is changed: its title and path; none for one that is to be created.
    of: Option<(String, String)>,
    /// Where the form is sent.
    action: String,
    /// Where to go instead.
    back: String,
    /// Where the actions are listed.
    actions: String,
    form_key: String,
    version: i64,
    /// Whether secrets can be brought along.
    may_import: bool,
    fields: Fields,
}

/// For how long the credentials before a change can be tried, in seconds.
const CREDENTIAL_OVERLAPS: [(&str, &str); 6] = [
    ("", "not at all: the new ones alone"),
    ("3600", "1 hour"),
    ("21600", "6 hours"),
    ("86400", "1 day"),
    ("259200", "3 days"),
    ("604800", "7 days"),
];

impl EditPage {
    fn credential_overlaps(&self) -> [(&'static str, &'static str); 6] {
        CREDENTIAL_OVERLAPS
    }

    /// Whether something was wrong with the secrets that were brought along.
    fn has_wrong_import(&self) -> bool {
        let fields = [ImportedSecret::CURRENT, ImportedSecret::PREVIOUS];
        fields.iter().any(|field| self.fields.wrong_with(field).is_some())
    }

    fn authentications(&self) -> [AuthenticationType; 3] {
        [
            AuthenticationType::None,
            AuthenticationType::Password,
            AuthenticationType::ApiKey,
        ]
    }

    fn protocols(&self) -> [SigningProtocol; 2] {
        SigningProtocol::ALL
    }

    fn of_new(acting: &Acting, form_key: &str, fields: Fields) -> Self {
        let list = paths::page(acting.platform(), PLACE);
        Self {
            frame: Frame::of(acting, PLACE),
            of: None,
            action: format!("{list}/new"),
            back: list,
            actions: paths::page(acting.platform(), actions::list::PLACE),
            form_key: form_key.to_owned(),
            version: 0,
            may_import: acting.may(Permission::WebhookReveal),
            fields,
        }
    }

    fn of_stored(acting: &Acting, form_key: &str, version: i64, webhook: &Webhook, fields: Fields) -> Self {
        let here = path_of(webhook);
        Self {
            frame: Frame::of(acting, PLACE),
            action: format!("{here}/edit"),
            back: here.clone(),
            actions: paths::page(acting.platform(), actions::list::PLACE),
            of: Some((webhook::title(webhook), here)),
            form_key: form_key.to_owned(),
            version,
            may_import: false,
            fields,
        }
    }
}

#[derive(Template)]
#[template(path = "webhooks/created.html")]
struct CreatedPage {
    frame: Frame,
    list: String,
    shown: ShownKeys,
}

pub(crate) async fn new(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookCreate).await?;
    let key = call.form_key()?;
    page(&EditPage::of_new(&acting, key.as_str(), Fields::empty()))
}

pub(crate) async fn create(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookCreate).await?;
    let form = call.form().await?;
    let console = call.console();
    let mut fields = Fields::sent(&form);
    let wrong = |fields| {
        let page = EditPage::of_new(&acting, form.text("form"), fields);
        page_with(StatusCode::BAD_REQUEST, &page)
    };
    let (protocol, update) = (fields.protocol(), fields.update(&form, &console.rules));
    let (Some(protocol), Some(mut update)) = (protocol, update) else {
        return wrong(fields);
    };
    update.signing_protocol = Edit::Set(protocol);
    let imported = fields.imported(&form, protocol);
    if !fields.problems.is_empty() {
        return wrong(fields);
    }
    let settings = match update.apply(Settings::default()) {
        Ok(settings) => settings,
        Err(refusal) => {
            fields.problems.push(Problem::of(&refusal).ok_or(refusal)?);
            return wrong(fields);
        }
    };
    let created = call
        .once(&acting, &form, ShownKeys::of_new, async |request| {
            let create = CreateWebhook {
                settings,
                idempotent: Some(request),
            };
            match &imported {
                Some(secrets) => console.webhooks.import(&acting, create, secrets).await,
                None => console.webhooks.create(&acting, create).await,
            }
        })
        .await;
    match created.map_err(of_field) {
        Ok(shown) => page(&CreatedPage {
            frame: Frame::of(&acting, PLACE),
            list: paths::page(acting.platform(), PLACE),
            shown,
        }),
        Err(Ok(problem)) => {
            fields.problems.push(problem);
            wrong(fields)
        }
        Err(Err(trouble)) => Err(trouble),
    }
}

pub(crate) async fn edit(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let key = call.form_key()?;
    let stored = call.console().webhooks.look(&acting, id).await?;
    let fields = Fields::of(&stored);
    page(&EditPage::of_stored(
        &acting,
        key.as_str(),
        stored.version.0,
        &stored,
        fields,
    ))
}

pub(crate) async fn update(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookUpdate).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let console = call.console();
    let stored = console.webhooks.look(&acting, id).await?;
    let mut fields = Fields::sent(&form);
    let wrong = |fields| {
        let version = form.text("version").parse().unwrap_or_default();
        let page = EditPage::of_stored(&acting, form.text("form"), version, &stored, fields);
        page_with(StatusCode::BAD_REQUEST, &page)
    };
    let Some(update) = fields.update(&form, &console.rules) else {
        return wrong(fields);
    };
    let updated = call
        .once(
            &acting,
            &form,
            |webhook: &Webhook, _| path_of(webhook),
            async |request| {
                let update = UpdateWebhook {
                    update,
                    precondition: form.version(),
                    idempotent: Some(request),
                };
                console.webhooks.update(&acting, id, update).await
            },
        )
        .await;
    match updated.map_err(of_field) {
        Ok(place) => Err(Trouble::Elsewhere(done::at(&place, Done::Updated))),
        Err(Ok(problem)) => {
            fields.problems.push(problem);
            wrong(fields)
        }
        Err(Err(trouble)) => Err(trouble),
    }
}

/// What is wrong with a field, or else the trouble that it is.
fn of_field(trouble: Trouble) -> Result<Problem, Trouble> {
    match trouble {
        Trouble::Failed(ServiceError::Refused(refusal)) => {
            Problem::of(&refusal).ok_or(Trouble::Failed(refusal.into()))
        }
        trouble => Err(trouble),
    }
}
