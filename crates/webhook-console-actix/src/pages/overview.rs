//! What an operator looks at first.

use actix_web::HttpResponse;
use askama::Template;

use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, page};

#[derive(Template)]
#[template(path = "overview/overview.html")]
struct OverviewPage {
    frame: Frame,
    permissions: Vec<&'static str>,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting_anyhow().await?;
    page(&OverviewPage {
        frame: Frame::of(&acting, ""),
        permissions: acting
            .caller()
            .permissions
            .iter()
            .map(|permission| permission.name())
            .collect(),
    })
}
