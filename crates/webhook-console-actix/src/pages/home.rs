//! Where the console begins, and how to go to another platform.

use actix_web::HttpResponse;
use webhook_domain::access::caller::{Caller, PlatformScope};
use webhook_domain::id::PlatformId;

use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;

pub(crate) async fn to_home(_: Call) -> Result<HttpResponse, Trouble> {
    Err(Trouble::Elsewhere(paths::HOME.to_owned()))
}

pub(crate) async fn home(call: Call) -> Result<HttpResponse, Trouble> {
    let caller = call.caller().await?;
    Err(Trouble::Elsewhere(first_page(&caller)))
}

/// Where whoever has signed in begins: on their platform, or on the one that the API takes if nothing names one.
pub(crate) fn first_page(caller: &Caller) -> String {
    match &caller.scope {
        PlatformScope::One(own) => paths::page(own, ""),
        PlatformScope::All => paths::page(&PlatformId::default_platform(), ""),
    }
}

/// The platform stands in the URL of each page, so going to another one is a link.
pub(crate) async fn choose_platform(call: Call) -> Result<HttpResponse, Trouble> {
    call.caller().await?;
    let platform = call.query("platform").unwrap_or_default();
    let platform: PlatformId = platform.trim().parse().map_err(|_| Trouble::NotFound)?;
    Err(Trouble::Elsewhere(paths::page(&platform, "")))
}
