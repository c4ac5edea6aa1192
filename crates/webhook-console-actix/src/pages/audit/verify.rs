//! Verifying the chain of audit records, a step for each request: each says how far it came, and the form that it shows goes on from there.
//!
//! The form carries the position and the MAC of the record that was verified last. Whoever sends another deceives themselves alone: a step
//! begins behind a record that the store still has like that, and nothing is said of records but their positions.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use webhook_domain::access::audit_chain::{AuditFlaw, AuditHead, AuditStep};
use webhook_domain::access::caller::{Acting, PlatformScope};
use webhook_domain::access::permission::Permission;

use super::list::PLACE;
use crate::paths;
use crate::request::call::Call;
use crate::trouble::{Trouble, sentence};
use crate::view::{Frame, page, page_with};

#[derive(Template)]
#[template(path = "audit/verify.html")]
struct VerifyPage {
    frame: Frame,
    list: String,
    may_verify: bool,
    progress: Progress,
}

/// How far a verification is.
#[derive(Template)]
#[template(path = "audit/verification.html")]
struct Progress {
    action: String,
    found: Option<Found>,
}

impl askama::filters::HtmlSafe for Progress {}

/// What a step found.
enum Found {
    GoesOn {
        from: String,
        position: i64,
        newest: i64,
    },
    Whole {
        position: i64,
    },
    Flawed(String),
}

impl From<AuditStep> for Found {
    fn from(step: AuditStep) -> Self {
        match step {
            AuditStep::GoesOn { last, newest } => Self::GoesOn {
                from: last.to_string(),
                position: last.position,
                newest,
            },
            AuditStep::Whole { head } => Self::Whole {
                position: head.position,
            },
            AuditStep::Flawed(AuditFlaw::Rewritten { position }) => {
                Self::Flawed(format!("Record {position} is another than it was a moment ago."))
            }
            AuditStep::Flawed(flaw) => Self::Flawed(sentence(&flaw.to_string())),
        }
    }
}

impl VerifyPage {
    fn new(acting: &Acting, found: Option<Found>) -> Self {
        let list = paths::page(acting.platform(), PLACE);
        Self {
            frame: Frame::of(acting, PLACE),
            may_verify: may_verify(acting),
            progress: Progress {
                action: path_of(acting),
                found,
            },
            list,
        }
    }
}

pub(crate) async fn ask(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::AuditRecordView).await?;
    page(&VerifyPage::new(&acting, None))
}

pub(crate) async fn verify(call: Call) -> Result<HttpResponse, Trouble> {
    let acting = call.acting(Permission::AuditRecordView).await?;
    if !may_verify(&acting) {
        return page_with(StatusCode::FORBIDDEN, &VerifyPage::new(&acting, None));
    }
    let form = call.form().await?;
    let from = match form.text("from") {
        "" => AuditHead::of_nothing(),
        text => text.parse().map_err(|_| Trouble::NoForm)?,
    };
    let found = call.console().audit.verify(&acting, from).await?;
    let shown = VerifyPage::new(&acting, Some(found.into()));
    match call.is_of_script() {
        true => page(&shown.progress),
        false => page(&shown),
    }
}

/// Whether the chain is `acting`'s to verify: it is one for all platforms.
pub(super) fn may_verify(acting: &Acting) -> bool {
    acting.covers(&PlatformScope::All)
}

fn path_of(acting: &Acting) -> String {
    paths::page(acting.platform(), format_args!("{PLACE}/verify"))
}
