//! Which webhooks a list is asked for: what the form above it says, as it stands in the URL.

use webhook_domain::signing::signing_protocol::SigningProtocol;
use webhook_domain::webhook::{Cursor, Direction, Name, PageStart, Reference, WebhookFilter, WebhookOrder};

use crate::request::call::Call;
use crate::request::condition::{Wrong, read};

/// A choice in a select: its value, and what is shown.
type Choice = (&'static str, &'static str);

/// In which state a webhook is.
pub(crate) const STATES: [Choice; 6] = [
    ("", "any state"),
    ("held_up", "held up"),
    ("roll_due", "roll due"),
    ("active", "active"),
    ("inactive", "inactive"),
    ("not_held_up", "not held up"),
];

/// In which order they stand.
pub(crate) const ORDERS: [Choice; 5] = [
    ("", "newest first"),
    ("oldest", "oldest first"),
    ("updated", "last changed first"),
    ("name", "by name"),
    ("reference", "by reference"),
];

/// What is asked for, as it was written.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) reference: String,
    pub(crate) url_host: String,
    pub(crate) protocol: String,
    pub(crate) order: String,
}

impl Asked {
    /// What the query of `call` asks for.
    pub(crate) fn of(call: &Call) -> Self {
        let text = |name| call.query(name).unwrap_or_default();
        Self {
            state: text("state"),
            name: text("name"),
            reference: text("reference"),
            url_host: text("url_host"),
            protocol: text("protocol"),
            order: text("order"),
        }
    }

    /// Whether it is not all webhooks that are asked for.
    pub(crate) fn is_filtered(&self) -> bool {
        let texts = [
            &self.state,
            &self.name,
            &self.reference,
            &self.url_host,
            &self.protocol,
        ];
        texts.iter().any(|text| !text.is_empty())
    }

    /// The conditions, as the domain takes them.
    pub(crate) fn filter(&self) -> Result<WebhookFilter, Wrong> {
        let state = self.state.as_str();
        Ok(WebhookFilter {
            name: read("name", &self.name, |text| Name::parse(text.to_owned()))?,
            reference: read("reference", &self.reference, |text| {
                Reference::parse(text.to_owned())
            })?,
            url_host: read("url_host", &self.url_host, str::parse)?,
            signing_protocol: read("protocol", &self.protocol, str::parse::<SigningProtocol>)?,
            active: match state {
                "active" => Some(true),
                "inactive" => Some(false),
                _ => None,
            },
            in_penalty_box: match state {
                "held_up" => Some(true),
                "not_held_up" => Some(false),
                _ => None,
            },
            roll_due: (state == "roll_due").then_some(true),
            rolled_before: None,
        })
    }

    /// The order and direction.
    pub(crate) fn order(&self) -> (WebhookOrder, Direction) {
        match self.order.as_str() {
            "oldest" => (WebhookOrder::CreatedAt, Direction::Ascending),
            "updated" => (WebhookOrder::UpdatedAt, Direction::Descending),
            "name" => (WebhookOrder::Name, Direction::Ascending),
            "reference" => (WebhookOrder::Reference, Direction::Ascending),
            _ => (WebhookOrder::CreatedAt, Direction::Descending),
        }
    }

    /// Where the page begins. A place that is none is the beginning.
    pub(crate) fn start(&self, call: &Call) -> PageStart {
        let (order, direction) = self.order();
        let place = |name| {
            let text = call.query(name)?;
            Cursor::read(&text, order, direction).ok()
        };
        match (place("after"), place("before")) {
            (Some(cursor), _) => PageStart::After(cursor),
            (None, Some(cursor)) => PageStart::Before(cursor),
            (None, None) => PageStart::default(),
        }
    }

    /// The query that asks for the same, with `place` in it.
    pub(crate) fn query(&self, place: Option<(&str, &Cursor)>) -> String {
        let (order, direction) = self.order();
        let written = [
            ("state", &self.state),
            ("name", &self.name),
            ("reference", &self.reference),
            ("url_host", &self.url_host),
            ("protocol", &self.protocol),
            ("order", &self.order),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(written.iter().filter(|(_, text)| !text.is_empty()));
        if let Some((name, cursor)) = place {
            query.append_pair(name, &cursor.write(order, direction));
        }
        query.finish()
    }
}
