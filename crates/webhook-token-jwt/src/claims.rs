//! What a token says of its bearer, and whether it is in force.

use serde::{Deserialize, Deserializer};
use webhook_domain::access::caller::{Caller, Credential, PlatformScope, TokenSubject};
use webhook_domain::access::permission::PermissionSet;
use webhook_domain::time::Instant;

use crate::refused::Refused;
use crate::token::LEEWAY;

/// The last second of the year 9999. An `exp` beyond it is a mistake, or a token for ever.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The claims that count (RFC 7519 §4.1, and this service's two); `aud` was checked before. A claim that is there is
/// of its type: null is not. Others may be there and are nobody's business here.
#[derive(Deserialize)]
pub(crate) struct Claims {
    iss: String,
    exp: f64,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    sub: Option<String>,
    platform_id: String,
    permissions: Vec<String>,
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl Claims {
    /// The caller that they describe, if `issuer` issued them and they are in force at `now`.
    pub(crate) fn admit(self, issuer: &str, now: Instant) -> Result<Caller, Refused> {
        if self.iss != issuer {
            return Err(Refused::Issuer);
        }
        self.check_time(now)?;
        let subject = self.sub.as_deref().map(TokenSubject::parse).transpose();
        let subject = subject.map_err(|_| Refused::Subject)?;
        Ok(Caller {
            credential: Credential::Token(subject.unwrap_or_else(TokenSubject::unnamed)),
            scope: self
                .platform_id
                .parse::<PlatformScope>()
                .map_err(|_| Refused::Platform)?,
            permissions: known(&self.permissions),
        })
    }

    fn check_time(&self, now: Instant) -> Result<(), Refused> {
        // Milliseconds up to the year 9999 are whole numbers that an f64 holds exactly.
        let now = now.as_milliseconds() as f64 / 1000.0;
        let leeway = LEEWAY.as_secs_f64();
        if !(0.0..=LAST_SECOND).contains(&self.exp) {
            return Err(Refused::NoInstant);
        }
        if now >= self.exp + leeway {
            return Err(Refused::Expired);
        }
        let begins = [self.nbf, self.iat].into_iter().flatten();
        if begins.into_iter().any(|begin| now + leeway < begin) {
            return Err(Refused::NotYet);
        }
        Ok(())
    }
}

/// The permissions among `names`. An issuer may hand out others too, for other services.
fn known(names: &[String]) -> PermissionSet {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
