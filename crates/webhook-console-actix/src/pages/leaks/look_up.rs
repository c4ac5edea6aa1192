//! The form that looks a key up. It takes a fingerprint, or the key itself: that is sent in a form's body, its fingerprint is computed here,
//! and nothing else is made of it. The page that follows has the fingerprint in its address, never the key.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::signing::found_key::fingerprint_of;
use webhook_domain::signing::secret::Fingerprint;

use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page_with};

/// The place of keys that were found in the navigation.
pub(crate) const PLACE: &str = "leaks";

/// Why nothing was found.
pub(super) enum Problem {
    /// What was sent is neither a fingerprint nor a key.
    NoKey,
    /// No webhook of the platform has or had it.
    Unknown,
}

#[derive(Template)]
#[template(path = "leaks/look_up.html")]
struct LookUpPage {
    frame: Frame,
    here: String,
    is_wrong: bool,
    is_unknown: bool,
}

/// Who looks keys up: it takes both permissions.
pub(super) async fn acting(call: &Call) -> Result<Acting, Trouble> {
    let acting = call.acting(Permission::WebhookView).await?;
    acting.require(Permission::AuditRecordView)?;
    Ok(acting)
}

/// The form, and why nothing was found, if it was sent before.
pub(super) fn look_up_page(acting: &Acting, problem: Option<&Problem>) -> Result<HttpResponse, Trouble> {
    let status = match problem {
        None => StatusCode::OK,
        Some(Problem::NoKey) => StatusCode::BAD_REQUEST,
        Some(Problem::Unknown) => StatusCode::NOT_FOUND,
    };
    let shown = LookUpPage {
        frame: Frame::of(acting, PLACE),
        here: paths::page(acting.platform(), PLACE),
        is_wrong: matches!(problem, Some(Problem::NoKey)),
        is_unknown: matches!(problem, Some(Problem::Unknown)),
    };
    page_with(status, &shown)
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    look_up_page(&acting(&call).await?, None)
}

pub(crate) async fn look_up(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = acting(&call).await?;
    let form = call.form().await?;
    // What was sent is not shown again: it may be a key.
    match read(form.text("key").trim()) {
        None => look_up_page(&acting, Some(&Problem::NoKey)),
        Some(key) => {
            let path = format!("{PLACE}/{}", key.as_str());
            Err(Trouble::Elsewhere(paths::page(acting.platform(), path)))
        }
    }
}

/// A fingerprint may lack what it begins with, as it does under the picture of a webhook's keys.
fn read(text: &str) -> Option<Fingerprint> {
    let whole = || format!("sha256:{text}").parse().ok();
    text.parse()
        .ok()
        .or_else(whole)
        .or_else(|| fingerprint_of(text).ok())
}
