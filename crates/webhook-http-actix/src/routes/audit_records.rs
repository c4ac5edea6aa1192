//! `/v1/audit-records`: what was done on the platform, and by whom.

use actix_web::{HttpRequest, HttpResponse};
use webhook_domain::InvalidValue;
use webhook_domain::access::permission::Permission;
use webhook_domain::id::AuditRecordId;
use webhook_domain::ports::AuditQuery;

use crate::errors::Problem;
use crate::listing::{self, Asked, AuditRecordList};
use crate::openapi::parameters::AuditRecordPart;
use crate::request::call::Call;
use crate::request::query::Parameters;
use crate::wire::AuditRecordJson;
use crate::{answer, paths};

/// The most characters of a resource's id.
const MAX_ID_LENGTH: usize = 64;

/// Lists the platform's audit records, newest first.
///
/// Needs `AUDIT_RECORD.VIEW`.
#[utoipa::path(
    get,
    path = paths::AUDIT_RECORDS,
    operation_id = "list_audit_records",
    tag = "Audit",
    params(AuditRecordPart),
    responses((status = 200, description = "A part of the list.", body = AuditRecordList<'_>)),
)]
pub(crate) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let acting = call.acting(Permission::AuditRecordView).await?;
    let (asked, query) = asked(&call.request)?;
    let records = call.api().audit.list(&acting, query).await?;
    let list = asked.list(&records, |record| record.id.to_string(), AuditRecordJson::new);
    answer::of_list(&list)
}

fn asked(request: &HttpRequest) -> Result<(Asked, AuditQuery), Problem> {
    let parameters = Parameters::of(request, &["resource_id", "action", "before", "limit"])?;
    let mut query = AuditQuery {
        resource_id: parameters.parsed("resource_id", resource_id)?,
        action: parameters.parsed("action", str::parse)?,
        before: parameters.parsed("before", str::parse::<AuditRecordId>)?,
        limit: 0,
    };
    let resource_id = query.resource_id.clone().map(|id| ("resource_id", id));
    let action = query.action.map(|action| ("action", action.name().to_owned()));
    let asked = Asked {
        path: paths::AUDIT_RECORDS.into(),
        filters: resource_id.into_iter().chain(action).collect(),
        limit: listing::limit(&parameters)?,
        cursor: ("before", query.before.map(|id| id.to_string())),
    };
    query.limit = asked.to_fetch();
    Ok((asked, query))
}

fn resource_id(text: &str) -> Result<String, InvalidValue> {
    let allowed = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || matches!(b, b'_' | b'-');
    if (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(InvalidValue::new(
            "must be the id of a resource, such as that of a webhook: 1 to 64 characters of a–z, 0–9, `_` and `-`",
        ))
    }
}
