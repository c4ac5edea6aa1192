//! One audit record, whole.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::AuditRecordId;

use super::facts::{self, Fact};
use super::list::PLACE;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, page};

#[derive(Template)]
#[template(path = "audit/show.html")]
struct ShowPage {
    frame: Frame,
    action: &'static str,
    id: String,
    at: Moment,
    credential: String,
    request: String,
    resource: String,
    resource_href: Option<String>,
    /// What else was done to the resource.
    of_resource: String,
    facts: Vec<Fact>,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::AuditRecordView).await?;
    let id: AuditRecordId = call.part("id")?;
    let record = call.console().audit.find(&acting, id).await?;
    let list = paths::page(acting.platform(), PLACE);
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        action: record.action.name(),
        id: record.id.to_string(),
        at: Moment(record.at),
        credential: record.credential.to_string(),
        request: record.request.to_string(),
        resource_href: facts::page_of(&acting, &record.resource_id),
        of_resource: paths::with_query(&list, [("resource_id", record.resource_id.as_str())]),
        facts: facts::of(&record),
        resource: record.resource_id,
    })
}
