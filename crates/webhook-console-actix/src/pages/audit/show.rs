//! One audit record, whole.

use std::slice;

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::AuditRecordId;

use super::facts::{self, Fact};
use super::list::PLACE;
use super::resources::Resources;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, Named, page};

#[derive(Template)]
#[template(path = "audit/show.html")]
struct ShowPage {
    frame: Frame,
    action: &'static str,
    id: String,
    at: Moment,
    credential: String,
    request: String,
    resource: Named,
    /// What else was done to the resource.
    of_resource: String,
    facts: Vec<Fact>,
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::AuditRecordView).await?;
    let id: AuditRecordId = call.part("id")?;
    let record = call.console().audit.find(&acting, id).await?;
    let list = paths::page(acting.platform(), PLACE);
    let resources = Resources::read(&call, &acting, slice::from_ref(&record)).await?;
    page(&ShowPage {
        frame: Frame::of(&acting, PLACE),
        action: record.action.name(),
        id: record.id.to_string(),
        at: Moment(record.at),
        credential: record.credential.to_string(),
        request: record.request.to_string(),
        resource: resources.of(&record),
        of_resource: paths::with_query(&list, [("resource_id", record.resource_id.as_str())]),
        facts: facts::of(&record),
    })
}
