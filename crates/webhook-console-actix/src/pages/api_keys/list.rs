//! The platform's API keys, without their texts. Whoever is good for all platforms sees those that are, too.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::api_key::ApiKey;
use webhook_domain::access::caller::{Acting, Credential, PlatformScope};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::ApiKeyId;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Name;

use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, State, When, page};
use crate::{done, paths};

/// The place of the list in the navigation.
pub(crate) const PLACE: &str = "api-keys";
/// How many keys a page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "api_keys/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    create: Option<String>,
    first: Option<String>,
    next: Option<String>,
    done: Option<&'static str>,
}

/// A key in the list.
struct Row {
    title: String,
    id: String,
    is_own: bool,
    state: State,
    is_for_all: bool,
    permissions: Vec<&'static str>,
    created_at: Moment,
    expires_at: Option<When>,
    revoke: Option<String>,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::ApiKeyView).await?;
    let list = paths::page(acting.platform(), PLACE);
    let after: Option<ApiKeyId> = call.query("after").and_then(|text| text.parse().ok());
    // One more than is shown tells whether there is a next page.
    let keys = &call.console().api_keys;
    let mut found = keys.list(&acting, after, SHOWN as u32 + 1).await?;
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let next = found.last().filter(|_| has_more).map(|last| {
        let id = last.id.to_string();
        paths::with_query(&list, [("after", id.as_str())])
    });
    let now = call.console().clock.now();
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        rows: found.iter().map(|key| row(&acting, &list, key, now)).collect(),
        create: acting
            .may(Permission::ApiKeyCreate)
            .then(|| format!("{list}/new")),
        first: after.map(|_| list.clone()),
        next,
        done: done::said(call.query("done").as_deref()),
    })
}

fn row(acting: &Acting, list: &str, key: &ApiKey, now: Instant) -> Row {
    let may_revoke = acting.may(Permission::ApiKeyDelete) && key.revoked_at.is_none();
    Row {
        title: title(key),
        id: key.id.to_string(),
        is_own: acting.credential() == Credential::ApiKey(key.id),
        state: match (key.revoked_at, key.is_in_force(now)) {
            (Some(_), _) => State::plain("revoked"),
            (None, false) => State::plain("expired"),
            (None, true) => State::good("in force"),
        },
        is_for_all: key.scope == PlatformScope::All,
        permissions: key.permissions.iter().map(Permission::name).collect(),
        created_at: Moment(key.created_at),
        expires_at: key.expires_at.map(|at| When::new(at, now)),
        revoke: may_revoke.then(|| format!("{list}/{}/revoke", key.id)),
    }
}

/// What people call a key: its name, or else its id.
pub(super) fn title(key: &ApiKey) -> String {
    let name = key.name.as_ref().map(Name::as_str);
    let name = name.filter(|text| !text.trim().is_empty());
    name.map_or_else(|| key.id.to_string(), str::to_owned)
}
