//! For how long one key signs: what is asked of a retired key, and of the key whose roll is undone.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use webhook_domain::signing::key_ring::{ExpiresIn, Overlap};

use super::body::{Sent, body};
use super::fields::Fields;
use super::schemas::{Described, plain};
use crate::errors::Problem;
use crate::openapi::values::{UNDONE_FOR, whole};
use crate::request::json::Object;

body! {
    /// For how long a retired secret signs.
    #[document("RetiredSecret", read_from = Fields)]
    pub(crate) struct RetiredKeyBody {
        /// For how many seconds from now on it signs, longer or shorter than it was promised; 0 ends it at once. At most until 30 days
        /// after it was retired.
        expires_in: ExpiresIn = 172800,
    }
}

body! {
    /// How a roll is undone.
    #[document("RestoreSecret", read_from = Fields)]
    pub(crate) struct RestoreBody {
        /// For how many seconds the secret that the undone roll made goes on signing.
        previous_secret_expires_in: Option<Overlap> = 3600,
    }
}

/// For how long the retired key signs, as `body` says.
pub(crate) fn set_expiry(body: Object) -> Result<ExpiresIn, Problem> {
    let asked = RetiredKeyBody::read(&mut Fields::new(body, RetiredKeyBody::is_known)?)?;
    Ok(asked.expires_in)
}

/// For how long the key of the undone roll signs, if `body` says so.
pub(crate) fn restore(body: Object) -> Result<Option<Overlap>, Problem> {
    let asked = RestoreBody::read(&mut Fields::new(body, RestoreBody::is_known)?)?;
    Ok(asked.previous_secret_expires_in)
}

impl Described for ExpiresIn {
    fn schema(says: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(0, Self::MAX_SECONDS as usize, says), nullable)
    }
}

impl Sent for ExpiresIn {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.whole(name, Self::from_seconds, Self::invalid())
    }
}

impl Described for Overlap {
    fn schema(_: &str, nullable: bool) -> RefOr<Schema> {
        plain(whole(0, Self::MAX_SECONDS as usize, UNDONE_FOR), nullable)
    }
}

impl Sent for Overlap {
    type Fields<'a> = Fields;

    fn take_if_there(name: &'static str, fields: &mut Fields) -> Result<Option<Self>, Problem> {
        fields.whole(name, Self::from_seconds, Self::invalid())
    }
}
