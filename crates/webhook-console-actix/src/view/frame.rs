//! The frame around every page: what stands above and beside it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use askama::Template;
use webhook_domain::access::caller::{Acting, PlatformScope};

use super::navigation::{Link, links};
use crate::assets::{ASSETS, Assets};
use crate::trouble::Trouble;

/// The frame around a page.
pub(crate) struct Frame {
    pub(crate) assets: &'static Assets,
    /// Who is signed in, if anybody is.
    pub(crate) signed_in: Option<SignedIn>,
}

/// What the frame says of whoever is signed in.
pub(crate) struct SignedIn {
    pub(crate) platform: String,
    pub(crate) credential: String,
    /// Whether there are other platforms to go to.
    pub(crate) is_for_all: bool,
    pub(crate) links: Vec<Link>,
}

impl Frame {
    /// The frame of a page without anybody.
    pub(crate) fn bare() -> Self {
        Self {
            assets: &ASSETS,
            signed_in: None,
        }
    }

    /// The frame of a page that `acting` sees. It belongs to the place in the navigation with this path.
    pub(crate) fn of(acting: &Acting, place: &str) -> Self {
        Self::around(acting, Some(place))
    }

    /// The frame of a page that belongs to no place in the navigation.
    pub(crate) fn of_nowhere(acting: &Acting) -> Self {
        Self::around(acting, None)
    }

    fn around(acting: &Acting, place: Option<&str>) -> Self {
        Self {
            assets: &ASSETS,
            signed_in: Some(SignedIn {
                platform: acting.platform().to_string(),
                credential: acting.credential().to_string(),
                is_for_all: acting.covers(&PlatformScope::All),
                links: links(acting, place),
            }),
        }
    }
}

/// The answer that shows `page`.
pub(crate) fn page(page: &impl Template) -> Result<HttpResponse, Trouble> {
    page_with(StatusCode::OK, page)
}

/// The same, with another status.
pub(crate) fn page_with(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Trouble> {
    let html = page.render()?;
    Ok(HttpResponse::build(status)
        .insert_header(ContentType::html())
        .body(html))
}
