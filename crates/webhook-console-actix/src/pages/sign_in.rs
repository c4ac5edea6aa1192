//! Signing in, by exchanging an API key for a session, and signing out.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use webhook_domain::services::AuthenticationError;

use crate::pages::home::first_page;
use crate::paths;
use crate::request::call::Call;
use crate::request::cookie;
use crate::trouble::Trouble;
use crate::view::{Frame, page, page_with, see_other};

#[derive(Template)]
#[template(path = "sign_in/sign_in.html")]
struct SignInPage {
    frame: Frame,
    /// Where to go then.
    to: String,
    is_rejected: bool,
}

#[derive(Template)]
#[template(path = "sign_in/go_on.html")]
struct GoOnPage {
    frame: Frame,
    to: String,
}

/// A browser that follows a link from another site does not send the session's cookie. A page of the console's own then goes on: with
/// it, if there is one.
pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let to = call.query("to").filter(|to| paths::within(to).is_some());
    match to {
        Some(to) if call.is_from_another_site() => page(&GoOnPage {
            frame: Frame::bare(),
            to,
        }),
        to => page(&SignInPage {
            frame: Frame::bare(),
            to: to.unwrap_or_default(),
            is_rejected: false,
        }),
    }
}

pub(crate) async fn sign_in(call: Call) -> Result<HttpResponse, Trouble> {
    let form = call.form().await?;
    let to = paths::within(form.text("to"));
    let console = call.console();
    let (token, caller) = match console.sessions.sign_in(form.text("api_key").trim()).await {
        Ok(begun) => begun,
        Err(AuthenticationError::Rejected) => {
            call.count_failure()?;
            let page = SignInPage {
                frame: Frame::bare(),
                to: to.unwrap_or_default().to_owned(),
                is_rejected: true,
            };
            return page_with(StatusCode::FORBIDDEN, &page);
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(earlier) = call.token() {
        console.sessions.sign_out(&earlier).await?;
    }
    let place = to.map_or_else(|| first_page(&caller), str::to_owned);
    let cookie = cookie::keep(&call.request, console, &token).map_err(Trouble::internal)?;
    Ok(see_other(place)
        .insert_header((header::SET_COOKIE, cookie))
        .finish())
}

pub(crate) async fn sign_out(call: Call) -> Result<HttpResponse, Trouble> {
    let console = call.console();
    if let Some(token) = call.token() {
        console.sessions.sign_out(&token).await?;
    }
    let cookie = cookie::forget(&call.request, console).map_err(Trouble::internal)?;
    let mut response = see_other(paths::SIGN_IN.to_owned());
    response.insert_header((header::SET_COOKIE, cookie));
    Ok(response.finish())
}
