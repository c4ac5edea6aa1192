//! A request as a page's handler sees it. A handler asks for its parts one after the other: who makes it, the platform and the permission
//! ([`Call::acting`]), the id in the path, the query, the form. The first part that is wrong ends it.

use std::cell::Cell;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest};
use data_encoding::BASE32_DNSCURVE;
use webhook_domain::access::caller::{Acting, Caller};
use webhook_domain::access::permission::Permission;
use webhook_domain::access::session::SessionToken;
use webhook_domain::id::{PlatformId, RequestId};
use webhook_domain::idempotency::IdempotencyKey;
use webhook_domain::services::{AuthenticationError, UsedBy};
use webhook_front_actix::{body, client_address};

use crate::console::{Console, Shared};
use crate::request::form::{self, Form};
use crate::request::{cookie, own_origin};
use crate::trouble::Trouble;

/// The longest form, in bytes: that of a webhook whose actions and headers are as many and as long as they may be.
const MAX_FORM_BYTES: usize = 256 * 1024;
/// What the key of a form begins with.
const KEY_PREFIX: &str = "console-";
/// The random bytes of one.
const KEY_BYTES: usize = 16;
/// The header by which htmx says that it asks for a part of a page.
const HX_REQUEST: &str = "hx-request";

/// A request as a handler sees it.
pub(crate) struct Call {
    pub(crate) request: HttpRequest,
    pub(crate) shared: Data<Shared>,
    payload: Cell<Option<Payload>>,
    /// The parts of the path that have names.
    parts: Vec<(String, String)>,
}

impl Call {
    pub(crate) fn new(
        request: HttpRequest,
        shared: Data<Shared>,
        payload: Payload,
        parts: Vec<(String, String)>,
    ) -> Self {
        Self {
            request,
            shared,
            payload: Cell::new(Some(payload)),
            parts,
        }
    }

    /// The services.
    pub(crate) fn console(&self) -> &Console {
        &self.shared.console
    }

    /// The caller at work on the platform that the path names, if it may do this.
    pub(crate) async fn acting(&self, permission: Permission) -> Result<Acting, Trouble> {
        let acting = self.acting_anyhow().await?;
        acting.require(permission)?;
        Ok(acting)
    }

    /// The caller at work on the platform that the path names, whatever it may do there.
    pub(crate) async fn acting_anyhow(&self) -> Result<Acting, Trouble> {
        let caller = self.caller().await?;
        // A platform that cannot be, and one that is not the caller's, are alike.
        let platform: PlatformId = self.part("platform")?;
        let request = self.request.extensions().get::<RequestId>().cloned();
        let request = request.ok_or_else(|| Trouble::internal("a request without an id reached a page"))?;
        let acting = caller
            .acting_on(Some(platform), request)
            .map_err(|_| Trouble::NotFound)?;
        self.request.extensions_mut().insert(acting.clone());
        Ok(acting)
    }

    /// Who is signed in.
    pub(crate) async fn caller(&self) -> Result<Arc<Caller>, Trouble> {
        let token = self.token().ok_or(Trouble::SignedOut)?;
        let by = match self.is_of_script() && self.is_read() {
            true => UsedBy::Page,
            false => UsedBy::Person,
        };
        let caller = match self.console().sessions.resume(&token, by).await {
            Ok(caller) => caller,
            Err(AuthenticationError::Rejected) => {
                self.count_failure()?;
                return Err(Trouble::SignedOut);
            }
            Err(error) => return Err(error.into()),
        };
        self.console().rates.count(&caller.credential)?;
        Ok(Arc::new(caller))
    }

    /// The session that the browser shows.
    pub(crate) fn token(&self) -> Option<SessionToken> {
        cookie::token(&self.request, self.console())
    }

    /// Counts a failure to sign in of the address that the request comes from.
    pub(crate) fn count_failure(&self) -> Result<(), Trouble> {
        let client = client_address(&self.request, &self.console().limits.trusted_proxies);
        Ok(self.console().rates.count_failure(client)?)
    }

    /// The part `name` of the path. One that cannot be what it is to be names nothing.
    pub(crate) fn part<T: FromStr>(&self, name: &str) -> Result<T, Trouble> {
        let part = self.parts.iter().find(|(known, _)| known == name);
        let text = part.map_or("", |(_, text)| text);
        text.parse().map_err(|_| Trouble::NotFound)
    }

    /// The first value of the query's parameter `name`; none if there is none, or it is empty.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let mut fields = form::fields(self.request.query_string().as_bytes());
        let (_, value) = fields.find(|(key, value)| key == name && !value.is_empty())?;
        Some(value)
    }

    /// The form that was sent.
    pub(crate) async fn form(&self) -> Result<Form, Trouble> {
        let content_type = self.request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(Trouble::NoForm);
        }
        let payload = self.payload.take();
        let payload = payload.ok_or_else(|| Trouble::internal("a form was read twice"))?;
        let limits = &self.console().limits;
        let body = body::read(&self.request, payload, MAX_FORM_BYTES, limits).await?;
        Form::read(body).ok_or(Trouble::NoForm)
    }

    /// The key of the form on a page that is asked for. It stands in the page's own URL, so that the page has the same one when somebody
    /// comes back to it; a page that has none yet is [asked for again](Trouble::Elsewhere) with one.
    pub(crate) fn form_key(&self) -> Result<IdempotencyKey, Trouble> {
        if let Some(key) = self.query(form::KEY).filter(|key| is_key(key)) {
            return IdempotencyKey::parse(&key).map_err(|problem| Trouble::internal(problem.to_string()));
        }
        let others =
            form::fields(self.request.query_string().as_bytes()).filter(|(name, _)| name != form::KEY);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(others);
        query.append_pair(form::KEY, self.new_key()?.as_str());
        Err(Trouble::Elsewhere(format!(
            "{}?{}",
            self.request.path(),
            query.finish()
        )))
    }

    /// A new key, for a form beside others on a page.
    pub(crate) fn new_key(&self) -> Result<IdempotencyKey, Trouble> {
        let mut bytes = [0; KEY_BYTES];
        self.console()
            .entropy
            .fill(&mut bytes)
            .map_err(Trouble::internal)?;
        let text = format!("{KEY_PREFIX}{}", BASE32_DNSCURVE.encode(&bytes));
        IdempotencyKey::parse(&text).map_err(|problem| Trouble::internal(problem.to_string()))
    }

    /// Whether a script asks for a part of the page.
    pub(crate) fn is_of_script(&self) -> bool {
        self.request.headers().contains_key(HX_REQUEST)
    }

    /// Whether it was made by a page of another site, as by a link there.
    pub(crate) fn is_from_another_site(&self) -> bool {
        own_origin::is_from_another_site(&self.request)
    }

    fn is_read(&self) -> bool {
        self.request.method().is_safe()
    }

    /// How long a form waits for another with the same key.
    pub(crate) const fn patience() -> Duration {
        Duration::from_secs(5)
    }
}

fn is_key(text: &str) -> bool {
    text.strip_prefix(KEY_PREFIX)
        .is_some_and(|random| random.len() == BASE32_DNSCURVE.encode_len(KEY_BYTES))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
