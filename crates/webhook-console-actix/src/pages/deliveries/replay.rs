//! Sending a webhook again what it was sent in a time, once somebody has seen how many events that are.

use actix_web::HttpResponse;
use askama::Template;
use serde::{Deserialize, Serialize};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::ports::Resent;
use webhook_domain::services::Replay;

use super::said::PLACE;
use crate::pages::webhooks::show::path_of;
use crate::paths;
use crate::request::call::Call;
use crate::request::condition::{Wrong, instant, read};
use crate::request::form::Form;
use crate::request::once::Shown;
use crate::trouble::Trouble;
use crate::view::{Frame, page, webhook};

/// Which events are sent again, as it was written.
#[derive(Default)]
struct Asked {
    created_after: String,
    created_before: String,
    status: String,
}

#[derive(Template)]
#[template(path = "deliveries/replay.html")]
struct ReplayPage {
    frame: Frame,
    href: String,
    title: String,
    asked: Asked,
    wrong: Option<Wrong>,
    preview: Option<Preview>,
}

/// How many events would be sent again, and the form that does it.
struct Preview {
    count: u64,
    most: u64,
    form_key: String,
}

#[derive(Template)]
#[template(path = "deliveries/replayed.html")]
struct ReplayedPage {
    frame: Frame,
    href: String,
    deliveries: String,
    replayed: Replayed,
}

/// What is shown of what was sent again.
#[derive(Serialize, Deserialize)]
struct Replayed {
    count: u64,
}

impl Shown for Replayed {}

impl ReplayPage {
    fn states(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("", "delivered or given up"),
            ("FAILED", "given up"),
            ("SUCCEEDED", "delivered"),
        ]
    }

    fn wrong_with(&self, field: &str) -> Option<&str> {
        Wrong::with(self.wrong.as_ref(), field)
    }
}

impl Preview {
    /// Whether so many are sent again at once.
    fn is_possible(&self) -> bool {
        (1..=self.most).contains(&self.count)
    }
}

impl Asked {
    fn of(call: &Call) -> Self {
        let text = |name| call.query(name).unwrap_or_default();
        Self {
            created_after: text("created_after"),
            created_before: text("created_before"),
            status: text("status"),
        }
    }

    fn sent(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            created_after: text("created_after"),
            created_before: text("created_before"),
            status: text("status"),
        }
    }

    fn replay(&self, webhook: WebhookId) -> Result<Replay, Wrong> {
        let created_after = read("created_after", &self.created_after, instant)?;
        let created_after = created_after
            .ok_or_else(|| Wrong::new("created_after", "says since when events are sent again"))?;
        let created_before = read("created_before", &self.created_before, instant)?;
        Replay::check_period(created_after, created_before)
            .map_err(|_| Wrong::new("created_before", "must be later than the beginning"))?;
        Ok(Replay {
            webhook,
            created_after,
            created_before,
            status: read("status", &self.status, Replay::status_named)?,
            idempotent: None,
        })
    }
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    let id: WebhookId = call.part("id")?;
    let events = &call.console().events;
    let shown = call.console().webhooks.look(&acting, id).await?;
    let asked = Asked::of(&call);
    let is_asked = call.query("created_after").is_some();
    let (preview, wrong) = match is_asked.then(|| asked.replay(id)) {
        None => (None, None),
        Some(Err(wrong)) => (None, Some(wrong)),
        Some(Ok(replay)) => {
            let form_key = call.form_key()?.as_str().to_owned();
            let count = events.count_of_replay(&acting, &replay).await?;
            let most = Replay::MOST;
            (
                Some(Preview {
                    count,
                    most,
                    form_key,
                }),
                None,
            )
        }
    };
    page(&ReplayPage {
        frame: Frame::of(&acting, PLACE),
        href: path_of(&shown),
        title: webhook::title(&shown),
        asked,
        wrong,
        preview,
    })
}

pub(crate) async fn replay(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookEventResend).await?;
    let id: WebhookId = call.part("id")?;
    let form = call.form().await?;
    let asked = Asked::sent(&form);
    // The form is made with what was found right.
    let replay = asked.replay(id).map_err(|_| Trouble::NoForm)?;
    let events = &call.console().events;
    let replayed = call
        .once(
            &acting,
            &form,
            |resent: &Resent, _| Replayed {
                count: resent.deliveries,
            },
            async |request| {
                let replay = Replay {
                    idempotent: Some(request),
                    ..replay
                };
                events.replay(&acting, replay).await
            },
        )
        .await?;
    let list = paths::page(acting.platform(), PLACE);
    let webhook = id.to_string();
    page(&ReplayedPage {
        frame: Frame::of(&acting, PLACE),
        href: paths::page(acting.platform(), format_args!("webhooks/{id}")),
        deliveries: paths::with_query(&list, [("webhook_id", webhook.as_str())]),
        replayed,
    })
}
