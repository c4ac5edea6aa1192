//! The list of webhooks, page by page.
//!
//! A page can be asked for by its number. The links to the pages before and after it say besides where in the order
//! they begin (`after`, `before`), so that reading on costs the same everywhere and skips nothing when webhooks come
//! and go meanwhile; their numbers are then for display, and may have moved.

use actix_web::HttpRequest;
use webhook_domain::InvalidValue;
use webhook_domain::access::caller::Acting;
use webhook_domain::services::WebhookService;
use webhook_domain::time::Instant;
use webhook_domain::webhook::{Cursor, PageSize, PageStart, WebhookPage, WebhookQuery};

use super::filters::{self, FILTERS};
use super::{limit, link};
use crate::errors::Problem;
use crate::openapi::values::MAX_PAGE;
use crate::paths;
use crate::request::query::{Parameters, whole};
use crate::wire::answer::answer;
use crate::wire::schemas::{Limit, Link, PageNumber};
use crate::wire::{Keys, WebhookJson};

/// The parameters beside the [filters](FILTERS).
const PARAMETERS: [&str; 6] = ["limit", "page", "order_by", "order_direction", "after", "before"];

/// A page of the list as a request asks for it.
pub(crate) struct Asked {
    /// As the domain takes it.
    pub(crate) query: WebhookQuery,
    page: u64,
}

/// A page that was read, and whether there is one before it and one after it.
pub(crate) struct Page {
    found: WebhookPage,
    has_previous: bool,
    has_next: bool,
}

answer! {
    /// A page of webhooks. It shows no secrets, whoever asks.
    #[document("WebhookList")]
    pub(crate) struct WebhookPageJson<'a> {
        /// The webhooks of the page.
        data: Vec<WebhookJson<'a>>,
        /// How many there are at the most.
        limit: Limit,
        /// The number of the page.
        page: PageNumber,
        /// How many pages there are.
        total_number_of_pages: u64,
        /// Where the other pages are.
        links: PageLinks,
    }
}

answer! {
    /// Where the other pages are: paths with a query.
    #[document("PageLinks")]
    pub(crate) struct PageLinks {
        /// The first page.
        first: Link,
        /// The page before; null on the first.
        previous: Option<Link>,
        /// This page.
        current: Link,
        /// The page after; null on the last.
        next: Option<Link>,
    }
}

impl Asked {
    /// What the query of `request` asks for.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let filters = FILTERS.iter().map(|filter| filter.name);
        let known: Vec<_> = PARAMETERS.into_iter().chain(filters).collect();
        let parameters = Parameters::of(request, &known)?;
        let limit = limit(&parameters)?;
        let page = parameters.parsed("page", page_number)?;
        let order = parameters.parsed("order_by", str::parse)?.unwrap_or_default();
        let direction = parameters
            .parsed("order_direction", str::parse)?
            .unwrap_or_default();
        let place = |text: &str| Cursor::read(text, order, direction);
        let start = match (
            parameters.parsed("after", place)?,
            parameters.parsed("before", place)?,
        ) {
            (None, None) => PageStart::Number(page.unwrap_or(1)),
            (Some(cursor), None) => PageStart::After(cursor),
            (None, Some(cursor)) => PageStart::Before(cursor),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid_field("before", "cannot be combined with after"));
            }
        };
        let page = match (&start, page) {
            (PageStart::Number(number), _) => *number,
            (_, Some(page)) => page,
            (_, None) => {
                let expected = "is only for links of a list, which have after or before as well";
                return Err(Problem::missing_field("page", expected));
            }
        };
        let query = WebhookQuery {
            limit,
            start,
            order,
            direction,
            filter: filters::read(&parameters)?,
            ..WebhookQuery::default()
        };
        Ok(Self { query, page })
    }

    /// The page. Where its number does not tell whether there is another, one webhook more is asked for.
    pub(crate) async fn read(&self, webhooks: &WebhookService, acting: &Acting) -> Result<Page, Problem> {
        let found = webhooks.list(acting, self.query.clone()).await?;
        let (Some(first), Some(last)) = (found.webhooks.first(), found.webhooks.last()) else {
            let goes_back = matches!(self.query.start, PageStart::Before(_));
            return Ok(Page {
                has_previous: found.total > 0 && !goes_back,
                has_next: found.total > 0 && goes_back,
                found,
            });
        };
        let pages = self.pages(&found);
        let full = found.webhooks.len() == self.query.limit.get() as usize;
        let place = |webhook| self.query.order.cursor_of(webhook);
        let (has_previous, has_next) = match self.query.start {
            PageStart::Number(number) => (number > 1, number < pages),
            PageStart::After(_) => {
                let beyond = PageStart::After(place(last));
                let more = full && (self.page < pages || self.is_any(webhooks, acting, beyond).await?);
                (true, more)
            }
            PageStart::Before(_) => {
                let beyond = PageStart::Before(place(first));
                let more = full && (self.page > 1 || self.is_any(webhooks, acting, beyond).await?);
                (more, true)
            }
        };
        Ok(Page {
            found,
            has_previous,
            has_next,
        })
    }

    async fn is_any(
        &self,
        webhooks: &WebhookService,
        acting: &Acting,
        start: PageStart,
    ) -> Result<bool, Problem> {
        let query = WebhookQuery {
            limit: PageSize::new(1).map_err(Problem::internal)?,
            start,
            ..self.query.clone()
        };
        Ok(!webhooks.list(acting, query).await?.webhooks.is_empty())
    }

    fn pages(&self, found: &WebhookPage) -> u64 {
        found.total.div_ceil(u64::from(self.query.limit.get()))
    }

    /// `page` as JSON at `now`. A list shows no keys, whoever asks.
    pub(crate) fn json<'a>(&self, page: &'a Page, now: Instant) -> WebhookPageJson<'a> {
        let webhooks = &page.found.webhooks;
        let to_json = |webhook| WebhookJson::new(webhook, now, Keys::Withheld);
        WebhookPageJson {
            data: webhooks.iter().map(to_json).collect(),
            limit: Limit(self.query.limit.get()),
            page: PageNumber(self.page),
            total_number_of_pages: self.pages(&page.found),
            links: self.links(page),
        }
    }

    fn links(&self, page: &Page) -> PageLinks {
        let webhooks = &page.found.webhooks;
        let place = |webhook| self.query.order.cursor_of(webhook);
        let previous = match webhooks.first() {
            Some(first) => self.link(
                self.page.saturating_sub(1).max(1),
                &PageStart::Before(place(first)),
            ),
            None => self.link_to_number(self.pages(&page.found)),
        };
        let next = match webhooks.last() {
            Some(last) => self.link(self.page + 1, &PageStart::After(place(last))),
            None => self.link_to_number(1),
        };
        PageLinks {
            first: self.link_to_number(1),
            previous: page.has_previous.then_some(previous),
            current: self.link(self.page, &self.query.start),
            next: page.has_next.then_some(next),
        }
    }

    fn link_to_number(&self, number: u64) -> Link {
        self.link(number, &PageStart::Number(number))
    }

    fn link(&self, page: u64, start: &PageStart) -> Link {
        let WebhookQuery {
            limit,
            order,
            direction,
            filter,
            ..
        } = &self.query;
        let mut parameters = vec![
            ("limit", limit.get().to_string()),
            ("page", page.to_string()),
            ("order_by", order.name().to_owned()),
            ("order_direction", direction.name().to_owned()),
        ];
        parameters.extend(filters::written(filter));
        let place = |cursor: &Cursor| cursor.write(*order, *direction);
        match start {
            PageStart::Number(_) => {}
            PageStart::After(cursor) => parameters.push(("after", place(cursor))),
            PageStart::Before(cursor) => parameters.push(("before", place(cursor))),
        }
        link(paths::WEBHOOKS, &parameters)
    }
}

/// The number of a page.
pub(crate) fn page_number(text: &str) -> Result<u64, InvalidValue> {
    whole(text)
        .filter(|number| (1..=MAX_PAGE).contains(number))
        .ok_or(InvalidValue::new("must be a whole number from 1 to 2^53"))
}
