//! The platform's audit records, or those of one resource or one action, newest first.

use actix_web::HttpResponse;
use askama::Template;
use webhook_domain::InvalidValue;
use webhook_domain::access::audit::{AuditAction, AuditRecord};
use webhook_domain::access::caller::Acting;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::AuditRecordId;
use webhook_domain::ports::AuditQuery;

use super::resources::Resources;
use crate::paths;
use crate::request::call::Call;
use crate::request::condition::{Wrong, read};
use crate::trouble::Trouble;
use crate::view::{Frame, Moment, Named, page};

/// The place of the list in the navigation.
pub(crate) const PLACE: &str = "audit";
/// How many records a page shows.
const SHOWN: usize = 50;
/// The most characters of a resource's id.
const MAX_ID_LENGTH: usize = 64;

#[derive(Template)]
#[template(path = "audit/list.html")]
struct ListPage {
    frame: Frame,
    list: String,
    resource: String,
    action: String,
    wrong: Option<Wrong>,
    rows: Vec<Row>,
    newest: Option<String>,
    next: Option<String>,
}

/// A record in the list.
struct Row {
    href: String,
    action: &'static str,
    resource: Named,
    credential: String,
    at: Moment,
}

impl ListPage {
    fn actions(&self) -> [&'static str; AuditAction::ALL.len()] {
        AuditAction::ALL.map(AuditAction::name)
    }

    fn is_filtered(&self) -> bool {
        !self.resource.is_empty() || !self.action.is_empty()
    }

    fn wrong_with(&self, field: &str) -> Option<&str> {
        Wrong::with(self.wrong.as_ref(), field)
    }
}

pub(crate) async fn show(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::AuditRecordView).await?;
    let text = |name| call.query(name).unwrap_or_default();
    let (resource, action) = (text("resource_id"), text("action"));
    let before: Option<AuditRecordId> = call.query("before").and_then(|text| text.parse().ok());
    let list = paths::page(acting.platform(), PLACE);
    let (mut records, wrong) = match query(&resource, &action, before) {
        Ok(query) => (call.console().audit.list(&acting, query).await?, None),
        Err(wrong) => (Vec::new(), Some(wrong)),
    };
    let has_more = records.len() > SHOWN;
    records.truncate(SHOWN);
    let next = records.last().filter(|_| has_more).map(|last| {
        let id = last.id.to_string();
        let asked = [
            ("resource_id", resource.as_str()),
            ("action", &action),
            ("before", &id),
        ];
        paths::with_query(&list, asked)
    });
    let resources = Resources::read(&call, &acting, &records).await?;
    page(&ListPage {
        frame: Frame::of(&acting, PLACE),
        rows: records
            .iter()
            .map(|record| row(&acting, &resources, record))
            .collect(),
        newest: before.map(|_| list.clone()),
        next,
        list,
        resource,
        action,
        wrong,
    })
}

fn query(resource: &str, action: &str, before: Option<AuditRecordId>) -> Result<AuditQuery, Wrong> {
    Ok(AuditQuery {
        resource_id: read("resource_id", resource, resource_id)?,
        action: read("action", action, str::parse)?,
        before,
        // One more than is shown tells whether there is a next page.
        limit: SHOWN as u32 + 1,
    })
}

fn resource_id(text: &str) -> Result<String, InvalidValue> {
    let is_id = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || matches!(b, b'_' | b'-');
    match text.len() <= MAX_ID_LENGTH && text.bytes().all(is_id) {
        true => Ok(text.to_owned()),
        false => Err(InvalidValue::new(
            "must be the id of a resource, such as that of a webhook",
        )),
    }
}

fn row(acting: &Acting, resources: &Resources<'_>, record: &AuditRecord) -> Row {
    Row {
        href: paths::page(acting.platform(), format_args!("{PLACE}/{}", record.id)),
        action: record.action.name(),
        resource: resources.of(record),
        credential: record.credential.to_string(),
        at: Moment(record.at),
    }
}
