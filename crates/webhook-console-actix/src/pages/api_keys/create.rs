//! Making an API key. Its text is shown once, and to the same form again for as long as its answer is kept.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde::{Deserialize, Serialize};
use webhook_domain::access::api_key::{CreatedApiKey, lifetime};
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::{Permission, PermissionSet};
use webhook_domain::idempotency::IdempotencyKey;
use webhook_domain::services::{CreateApiKey, ShownAgain};
use webhook_domain::webhook::Name;

use super::list::{PLACE, title};
use crate::paths;
use crate::request::call::Call;
use crate::request::condition::{Wrong, read};
use crate::request::form::Form;
use crate::request::once::Shown;
use crate::trouble::Trouble;
use crate::view::{Frame, page, page_with};

/// What stands in the form for a key that is good until it is revoked.
const FOR_EVER: &str = "never";
/// For how long a key may be good by the form, in seconds, and what is shown.
const LIFETIMES: [(&str, &str); 6] = [
    ("28800", "8 hours"),
    ("86400", "1 day"),
    ("2592000", "30 days"),
    ("7776000", "90 days"),
    ("31536000", "1 year"),
    (FOR_EVER, "until it is revoked"),
];

#[derive(Template)]
#[template(path = "api_keys/new.html")]
struct NewPage {
    frame: Frame,
    list: String,
    form_key: String,
    platform: String,
    /// Whether a key for all platforms can be made.
    may_be_for_all: bool,
    permissions: Vec<Choice>,
    asked: Asked,
    wrong: Option<Wrong>,
}

/// A permission to be given.
struct Choice {
    name: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "api_keys/created.html")]
struct CreatedPage {
    frame: Frame,
    list: String,
    created: Created,
}

/// What is shown of a key that was made.
#[derive(Serialize, Deserialize)]
struct Created {
    title: String,
    id: String,
    text: String,
}

/// What the form asks for, as it was written.
#[derive(Default)]
struct Asked {
    name: String,
    scope: String,
    expires_in: String,
    permissions: Vec<String>,
}

impl Shown for Created {
    fn secrets(&self) -> Option<ShownAgain> {
        self.id.parse().ok().map(ShownAgain::ApiKey)
    }
}

impl NewPage {
    fn lifetimes(&self) -> &'static [(&'static str, &'static str)] {
        &LIFETIMES
    }

    fn wrong_with(&self, field: &str) -> Option<&str> {
        Wrong::with(self.wrong.as_ref(), field)
    }
}

impl Asked {
    fn sent(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            scope: form.text("scope").to_owned(),
            expires_in: form.text("expires_in").to_owned(),
            permissions: form.texts("permission").map(str::to_owned).collect(),
        }
    }

    /// The key that is asked for, on the platform that `acting` is on.
    fn create(&self, acting: &Acting) -> Result<CreateApiKey, Wrong> {
        let permissions = self.permissions.iter().map(|name| name.parse::<Permission>());
        let permissions: Result<PermissionSet, _> = permissions.collect();
        let permissions = permissions.map_err(|problem| Wrong::new("permission", problem))?;
        if permissions.iter().next().is_none() {
            return Err(Wrong::new("permission", "choose at least one permission"));
        }
        Ok(CreateApiKey {
            name: read("name", &self.name, |text| Name::parse(text.to_owned()))?,
            scope: match self.scope.as_str() {
                "*" => PlatformScope::All,
                _ => PlatformScope::One(acting.platform().clone()),
            },
            permissions,
            lifetime: self.lifetime()?,
            idempotent: None,
        })
    }

    fn lifetime(&self) -> Result<Option<Duration>, Wrong> {
        if self.expires_in == FOR_EVER {
            return Ok(None);
        }
        let wrong = || Wrong::new("expires_in", "choose for how long it is good");
        let seconds = self.expires_in.parse().map_err(|_| wrong())?;
        lifetime(seconds).map(Some).map_err(|_| wrong())
    }
}

fn new_page(acting: &Acting, key: &IdempotencyKey, asked: Asked, wrong: Option<Wrong>) -> NewPage {
    let may_give = Permission::ALL
        .iter()
        .filter(|permission| acting.may(**permission));
    NewPage {
        frame: Frame::of(acting, PLACE),
        list: paths::page(acting.platform(), PLACE),
        form_key: key.as_str().to_owned(),
        platform: acting.platform().to_string(),
        may_be_for_all: acting.covers(&PlatformScope::All),
        permissions: may_give
            .map(|permission| Choice {
                name: permission.name(),
                is_chosen: asked.permissions.iter().any(|name| name == permission.name()),
            })
            .collect(),
        asked,
        wrong,
    }
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::ApiKeyCreate).await?;
    let asked = Asked {
        expires_in: "2592000".to_owned(),
        ..Asked::default()
    };
    page(&new_page(&acting, &call.form_key()?, asked, None))
}

pub(crate) async fn create(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::ApiKeyCreate).await?;
    let form = call.form().await?;
    let asked = Asked::sent(&form);
    let create = match asked.create(&acting) {
        Ok(create) => create,
        Err(wrong) => {
            let key = form.key().ok_or(Trouble::NoForm)?;
            let again = new_page(&acting, &key, asked, Some(wrong));
            return page_with(StatusCode::BAD_REQUEST, &again);
        }
    };
    let keys = &call.console().api_keys;
    let created = call
        .once(
            &acting,
            &form,
            |created: &CreatedApiKey, _| Created {
                title: title(&created.key),
                id: created.key.id.to_string(),
                text: created.text.expose().to_owned(),
            },
            async |request| {
                let create = CreateApiKey {
                    idempotent: Some(request),
                    ..create
                };
                keys.create(&acting, create).await
            },
        )
        .await?;
    page(&CreatedPage {
        frame: Frame::of(&acting, PLACE),
        list: paths::page(acting.platform(), PLACE),
        created,
    })
}
