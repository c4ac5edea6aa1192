//! What became of the keys with one fingerprint: whose they are, whether they sign, who was shown them, what they signed, and what to do now.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::key_history::{KeyHistory, KeyState, Showing};
use webhook_domain::access::permission::Permission;
use webhook_domain::id::WebhookId;
use webhook_domain::signing::secret::Fingerprint;
use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::time::Instant;
use webhook_domain::webhook::Name;
use webhook_domain::{Refusal, ServiceError};

use super::look_up::{self, PLACE, Problem, look_up_page};
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, State, When, page};

/// How many histories a page shows. Each is counted when it is asked for.
const SHOWN: usize = 5;
/// How many times that a key was shown are told one by one.
const MOST_SHOWINGS: usize = 50;

#[derive(Template)]
#[template(path = "leaks/show.html")]
struct ShowPage {
    frame: Frame,
    look_up: String,
    fingerprint: String,
    /// The deliveries that it signed, if the caller may see them.
    deliveries: Option<String>,
    histories: Vec<History>,
    next: Option<String>,
}

/// What became of the key of one webhook.
struct History {
    webhook: String,
    href: String,
    exists: bool,
    protocol: Option<&'static str>,
    state: State,
    signs: bool,
    is_current: bool,
    signs_from: Option<Moment>,
    signs_until: Option<When>,
    roll: Option<String>,
    retire: Option<String>,
    /// Since when it is known that the receiver verifies with the current key, if this one signs beside it.
    adopted: Option<Moment>,
    shown: Vec<ShownOnce>,
    times_shown: u64,
    is_public: bool,
    is_trail_whole: bool,
    attempts: u64,
    events: u64,
    first_at: Option<Moment>,
    last_at: Option<Moment>,
    hosts: Vec<(String, u64)>,
    kept_since: Moment,
}

/// One time that it was shown.
struct ShownOnce {
    at: Moment,
    action: &'static str,
    credential: String,
    record: String,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = look_up::acting(&call).await?;
    let key: Fingerprint = call.part("fingerprint")?;
    let after: Option<WebhookId> = call.query("after").and_then(|text| text.parse().ok());
    // One more than is shown tells whether there is a next page.
    let keys = &call.console().signing_keys;
    let mut found = match keys.read(&acting, &key, after, SHOWN as u32 + 1).await {
        Err(ServiceError::Refused(Refusal::NotFound { .. })) => {
            return look_up_page(&acting, Some(&Problem::Unknown));
        }
        found => found?,
    };
    let has_more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let look_up = paths::page(acting.platform(), PLACE);
    let here = format!("{look_up}/{}", key.as_str());
    let deliveries = paths::page(acting.platform(), "deliveries");
    let next = found.last().filter(|_| has_more).map(|last| {
        let id = last.webhook.to_string();
        paths::with_query(&here, [("after", id.as_str())])
    });
    let now = call.console().clock.now();
    let mut histories = Vec::new();
    for history in found {
        let adopted = adopted(&call, &acting, &history).await?;
        histories.push(History::new(&acting, history, adopted, now));
    }
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        deliveries: acting
            .may(Permission::WebhookEventView)
            .then(|| paths::with_query(&deliveries, [("key_fingerprint", key.as_str())])),
        next,
        histories,
        fingerprint: key.as_str().to_owned(),
        look_up,
    })
}

/// Since when it is known that the receiver verifies with a newer key than the one that `history` is of, and that still signs.
async fn adopted(call: &Call, acting: &Acting, history: &KeyHistory) -> Result<Option<Instant>, Trouble> {
    if !history.webhook_exists || history.state != KeyState::Retired {
        return Ok(None);
    }
    match call.console().webhooks.look(acting, history.webhook).await {
        Ok(webhook) => Ok(webhook.key_ring.adoption().map(|adoption| adoption.adopted_at)),
        // It was deleted a moment ago.
        Err(ServiceError::Refused(Refusal::NotFound { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl History {
    fn new(acting: &Acting, history: KeyHistory, adopted: Option<Instant>, now: Instant) -> Self {
        let href = paths::page(acting.platform(), format_args!("webhooks/{}", history.webhook));
        let may_change = history.webhook_exists && acting.may(Permission::WebhookUpdate);
        let fingerprint = history.fingerprint.as_str();
        let state = history.state;
        Self {
            webhook: history
                .webhook_name
                .as_ref()
                .map(Name::as_str)
                .filter(|name| !name.trim().is_empty())
                .map_or_else(|| history.webhook.to_string(), str::to_owned),
            exists: history.webhook_exists,
            protocol: history.protocol.map(SigningProtocol::name),
            signs: state != KeyState::Expired,
            is_current: state == KeyState::Current,
            state: match state {
                KeyState::Current => State::bad("it signs: it is the current key"),
                KeyState::Retired => State::bad("it still signs: it is a retired key"),
                KeyState::Expired => State::plain("it signs no more"),
            },
            signs_from: history.signs_from.map(Moment),
            signs_until: history.signs_until.map(|until| When::new(until, now)),
            roll: (may_change && state == KeyState::Current).then(|| format!("{href}/roll")),
            retire: (may_change && state == KeyState::Retired)
                .then(|| format!("{href}/retired/{fingerprint}?end=now")),
            adopted: adopted.map(Moment),
            shown: history
                .shown
                .iter()
                .take(MOST_SHOWINGS)
                .map(|showing| shown_once(acting, showing))
                .collect(),
            times_shown: history.times_shown,
            is_public: history.protocol == Some(SigningProtocol::Ed25519),
            is_trail_whole: history.is_trail_whole,
            attempts: history.used.attempts,
            events: history.used.deliveries,
            first_at: history.used.first_at.map(Moment),
            last_at: history.used.last_at.map(Moment),
            hosts: history.used.hosts.into_iter().collect(),
            kept_since: Moment(history.attempts_kept_since),
            href,
        }
    }
}

fn shown_once(acting: &Acting, showing: &Showing) -> ShownOnce {
    ShownOnce {
        at: Moment(showing.at),
        action: showing.action.name(),
        credential: showing.credential.to_string(),
        record: paths::page(acting.platform(), format_args!("audit/{}", showing.record)),
    }
}
