//! The actions that webhooks can subscribe to, in alphabetical order, page by page.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::webhook::{Action, ActionCatalogue};

use super::meaning;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page};

/// The place of the list in the navigation.
pub(crate) const PLACE: &str = "actions";
/// How many actions a page shows.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "actions/list.html")]
struct ListPage {
    frame: Frame,
    list: String,
    object: String,
    word: String,
    objects: BTreeSet<String>,
    rows: Vec<Row>,
    total: usize,
    /// Where the first ones are, if these are not.
    first: Option<String>,
    next: Option<String>,
    shows_deliveries: bool,
}

/// An action in the list.
struct Row {
    name: String,
    meaning: String,
    is_of_service: bool,
    /// Where its deliveries are listed.
    deliveries: String,
}

impl ListPage {
    fn is_filtered(&self) -> bool {
        !self.object.is_empty() || !self.word.is_empty()
    }
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    let text = |name| call.query(name).unwrap_or_default();
    let (object, word, after) = (text("object_type"), text("word"), text("after"));
    let catalogue = call.console().rules.actions.get();
    let found = having(&catalogue, &object, &word);
    let total = found.len();
    let behind: Vec<_> = found
        .into_iter()
        .filter(|action| action.as_str() > after.as_str())
        .collect();
    let list = paths::page(acting.platform(), PLACE);
    let asked = [("object_type", object.as_str()), ("word", word.as_str())];
    let last = behind.get(SHOWN - 1).filter(|_| behind.len() > SHOWN);
    let next = last.map(|last| paths::with_query(&list, asked.into_iter().chain([("after", last.as_str())])));
    let deliveries = paths::page(acting.platform(), "deliveries");
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        objects: catalogue
            .iter()
            .map(|action| action.object_type().to_owned())
            .collect(),
        rows: behind
            .iter()
            .take(SHOWN)
            .map(|action| row(&deliveries, action))
            .collect(),
        total,
        first: (!after.is_empty()).then(|| paths::with_query(&list, asked)),
        next,
        shows_deliveries: acting.may(Permission::WebhookEventView),
        list,
        object,
        word,
    })
}

/// The actions of `object`, if that is not empty, that have `word` in them, however it is written.
fn having<'a>(catalogue: &'a ActionCatalogue, object: &str, word: &str) -> Vec<&'a Action> {
    let word = word.trim().to_uppercase().replace(' ', "_");
    catalogue
        .iter()
        .filter(|action| object.is_empty() || action.object_type() == object)
        .filter(|action| action.as_str().contains(&word))
        .collect()
}

fn row(deliveries: &str, action: &Action) -> Row {
    Row {
        name: action.as_str().to_owned(),
        meaning: meaning::of(action),
        is_of_service: action.is_of_service(),
        deliveries: paths::with_query(deliveries, [("type", action.as_str())]),
    }
}
