//! Reading a platform's webhooks page by page, in one of a few orders.
//!
//! A page begins where its number says, or next to a webhook that the reader has seen: its [`Cursor`]. By number a
//! store has to pass over all that stands before; from a cursor it goes on at once, and what is created or deleted
//! meanwhile moves nothing into the next page that was in this one.

use std::ops::Range;
use std::str::FromStr;

use super::{Name, Reference, Webhook, WebhookFilter};
use crate::error::InvalidValue;
use crate::id::WebhookId;
use crate::time::Instant;

/// How many webhooks a page has at the most: 1 to 100, and 50 unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageSize(u32);

impl PageSize {
    /// The most.
    pub const MAX: Self = Self(100);

    /// A page of `count` items.
    ///
    /// # Errors
    /// When it is not 1 to 100.
    pub fn new(count: u32) -> Result<Self, InvalidValue> {
        if (1..=Self::MAX.0).contains(&count) {
            Ok(Self(count))
        } else {
            Err(Self::invalid())
        }
    }

    /// What is said of anything else.
    #[must_use]
    pub const fn invalid() -> InvalidValue {
        InvalidValue::new("must be a whole number from 1 to 100")
    }

    /// The number of items.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(50)
    }
}

/// What a list is ordered by. Webhooks that are alike in it stand in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookOrder {
    /// When they were created.
    #[default]
    CreatedAt,
    /// When their settings or keys last changed.
    UpdatedAt,
    /// Their names, by Unicode code point; none counts as empty.
    Name,
    /// Their references, likewise.
    Reference,
}

impl WebhookOrder {
    /// Every order there is.
    pub const ALL: [Self; 4] = [Self::CreatedAt, Self::UpdatedAt, Self::Name, Self::Reference];

    /// The name clients use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::Name => "name",
            Self::Reference => "reference",
        }
    }

    /// Where `webhook` stands in this order.
    #[must_use]
    pub fn cursor_of(self, webhook: &Webhook) -> Cursor {
        let settings = &webhook.settings;
        let text = |text: Option<&str>| SortKey::Text(text.unwrap_or_default().to_owned());
        let key = match self {
            Self::CreatedAt => SortKey::At(webhook.created_at),
            Self::UpdatedAt => SortKey::At(webhook.updated_at),
            Self::Name => text(settings.name.as_ref().map(Name::as_str)),
            Self::Reference => text(settings.reference.as_ref().map(Reference::as_str)),
        };
        Cursor { key, id: webhook.id }
    }
}

impl FromStr for WebhookOrder {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let named = Self::ALL.into_iter().find(|order| order.name() == text);
        named.ok_or(InvalidValue::new(
            "must be one of created_at, updated_at, name, reference",
        ))
    }
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The smallest.
    #[default]
    Ascending,
    /// The greatest.
    Descending,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ascending, Self::Descending];

    /// The name clients use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl FromStr for Direction {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "asc" => Ok(Self::Ascending),
            "desc" => Ok(Self::Descending),
            _ => Err(InvalidValue::new("must be asc or desc")),
        }
    }
}

/// What webhooks are compared by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// An instant.
    At(Instant),
    /// A text, by code point.
    Text(String),
}

/// A place in an ordered list, between a webhook and the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// What the webhook is compared by.
    pub key: SortKey,
    /// Which one it is.
    pub id: WebhookId,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// At its number, from 1.
    Number(u64),
    /// Right after this place.
    After(Cursor),
    /// So that it ends right before this place.
    Before(Cursor),
}

impl Default for PageStart {
    fn default() -> Self {
        Self::Number(1)
    }
}

/// A page that is asked for. A cursor must be of the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookQuery {
    /// How many at the most.
    pub limit: PageSize,
    /// Where it begins.
    pub start: PageStart,
    /// In which order.
    pub order: WebhookOrder,
    /// From which end.
    pub direction: Direction,
    /// Which of the platform's webhooks the list has.
    pub filter: WebhookFilter,
    /// The instant that conditions on time are judged at: the present, which the service sets that lists webhooks.
    pub at: Instant,
}

impl Default for WebhookQuery {
    /// The first page of all webhooks, oldest first.
    fn default() -> Self {
        Self {
            limit: PageSize::default(),
            start: PageStart::default(),
            order: WebhookOrder::default(),
            direction: Direction::default(),
            filter: WebhookFilter::default(),
            at: Instant::from_milliseconds(0),
        }
    }
}

impl WebhookQuery {
    /// Sorts the places of all that the list has, and says which of them the page has: for a store that has them all at hand.
    pub fn cut<T>(&self, all: &mut [(Cursor, T)]) -> Range<usize> {
        let limit = self.limit.get() as usize;
        all.sort_by(|(one, _), (other, _)| match self.direction {
            Direction::Ascending => one.cmp(other),
            Direction::Descending => other.cmp(one),
        });
        let stands_before = |place: &Cursor, cursor: &Cursor| match self.direction {
            Direction::Ascending => place < cursor,
            Direction::Descending => place > cursor,
        };
        let (begin, end) = match &self.start {
            PageStart::Number(number) => {
                let before = number.saturating_sub(1).saturating_mul(limit as u64);
                let begin = usize::try_from(before).unwrap_or(usize::MAX);
                (begin, begin.saturating_add(limit))
            }
            PageStart::After(cursor) => {
                let begin = all.partition_point(|(place, _)| place == cursor || stands_before(place, cursor));
                (begin, begin + limit)
            }
            PageStart::Before(cursor) => {
                let end = all.partition_point(|(place, _)| stands_before(place, cursor));
                (end.saturating_sub(limit), end)
            }
        };
        begin.min(all.len())..end.min(all.len())
    }
}

/// A page of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookPage {
    /// The webhooks, in the order asked for.
    pub webhooks: Vec<Webhook>,
    /// How many webhooks the list has: of those of the platform, all that meet the filter.
    pub total: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy, fixtures};
    use crate::webhook::Settings;

    const NOW: Instant = ManualClock::START;

    fn named(name: Option<&str>) -> Webhook {
        let settings = Settings {
            name: name.map(|text| Name::parse(text.into()).unwrap()),
            reference: name.map(fixtures::reference),
            ..fixtures::bare_settings()
        };
        fixtures::webhook(&fixtures::acme(), settings, NOW, &SeededEntropy::default())
    }

    #[test]
    fn a_page_has_1_to_100_items_and_50_unless_said_otherwise() {
        for right in [1, 2, 50, 99, 100] {
            assert_eq!(PageSize::new(right).unwrap().get(), right);
        }
        for wrong in [0, 101, u32::MAX] {
            assert_eq!(PageSize::new(wrong), Err(PageSize::invalid()));
        }
        assert_eq!(PageSize::default().get(), 50);
        assert_eq!(PageSize::new(100), Ok(PageSize::MAX));
    }

    #[test]
    fn an_order_reads_back_from_its_name_and_nothing_else_is_one() {
        for order in WebhookOrder::ALL {
            assert_eq!(order.name().parse(), Ok(order));
        }
        for wrong in ["", "id", "Name", "name ", "createdAt", "-created_at"] {
            let told = wrong.parse::<WebhookOrder>().unwrap_err().to_string();
            for order in WebhookOrder::ALL {
                assert!(told.contains(order.name()), "{told}");
            }
        }
    }

    #[test]
    fn a_direction_reads_back_from_its_name_and_nothing_else_is_one() {
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(direction.name().parse(), Ok(direction));
            assert_ne!(direction.reversed(), direction);
            assert_eq!(direction.reversed().reversed(), direction);
        }
        for wrong in ["", "ASC", "ascending", "desc "] {
            let told = wrong.parse::<Direction>().unwrap_err().to_string();
            assert_eq!(told, "must be asc or desc");
        }
    }

    #[test]
    fn unless_said_otherwise_a_list_is_read_from_its_first_page_oldest_first() {
        let expected = WebhookQuery {
            limit: PageSize(50),
            start: PageStart::Number(1),
            order: WebhookOrder::CreatedAt,
            direction: Direction::Ascending,
            filter: WebhookFilter::default(),
            at: Instant::from_milliseconds(0),
        };
        assert_eq!(WebhookQuery::default(), expected);
    }

    #[test]
    fn a_cursor_is_what_the_order_compares_and_then_the_id() {
        let webhook = Webhook {
            updated_at: NOW.plus(std::time::Duration::from_secs(1)),
            ..named(Some("n"))
        };
        for (order, key) in [
            (WebhookOrder::CreatedAt, SortKey::At(webhook.created_at)),
            (WebhookOrder::UpdatedAt, SortKey::At(webhook.updated_at)),
            (WebhookOrder::Name, SortKey::Text("n".into())),
            (WebhookOrder::Reference, SortKey::Text("n".into())),
        ] {
            let id = webhook.id;
            assert_eq!(order.cursor_of(&webhook), Cursor { key, id }, "{order:?}");
        }
    }

    #[test]
    fn no_name_stands_where_an_empty_one_does_and_before_all_others() {
        for order in [WebhookOrder::Name, WebhookOrder::Reference] {
            let cursor = |name| order.cursor_of(&named(name));
            assert_eq!(cursor(None), cursor(Some("")));
            assert!(cursor(None) < cursor(Some(" ")));
            // By code point: capitals first, what is beyond ASCII last.
            assert!(cursor(Some("B")) < cursor(Some("a")));
            assert!(cursor(Some("z")) < cursor(Some("é")));
            assert!(cursor(Some("\u{ffff}")) < cursor(Some("🪝")));
        }
    }

    #[test]
    fn webhooks_that_are_alike_stand_in_the_order_of_their_ids() {
        let at = |id: &str| Cursor {
            key: SortKey::Text("n".into()),
            id: id.parse().unwrap(),
        };
        assert!(at("whk_01hv9k2m4rt6w8y0abcdefghjk") < at("whk_01hv9k2m4rt6w8y0abcdefghjm"));
    }
}
