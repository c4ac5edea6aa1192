//! What every web front needs from actix-web. There are two: the API and the console.
//!
//! [`serve`] runs actix-web's server with limited connections, and every phase of a connection has a timeout. A front passes its
//! actix application and a [`Front`]: its limits, the source of request ids, and its responses for requests that actix refuses
//! before the application sees them.
//!
//! | a front needs | it takes |
//! |---|---|
//! | timeouts of heads and responses, limits of open connections and of incomplete heads | [`serve`], [`FrontLimits`] |
//! | TLS of its own | [`ServerCertificate`] |
//! | to know the connection of each request | [`UnderWay`], in the outermost middleware |
//! | a body, with a limited length and a timeout | [`body`] |
//! | the request id | [`request_id`] |
//! | the client's address, also behind proxies | [`client_address()`], and [`Origin`] to count by it |
//! | one request at a time for each of many keys | [`InFlight`] |
//! | what came of a delivery that somebody had sent at once | [`expedited`] |
//! | limits of how often each credential and each address may ask | [`RequestRates`] |
//!
//! A front must put [`UnderWay`] around every request and `X-REQUEST-ID` on every response. The first shows the connection when a
//! request is finished. The second distinguishes the front's own responses from actix's.
//!
//! Nothing here knows a route, a credential or the JSON of a response. Fronts do not depend on each other.

pub mod body;
mod client_address;
mod connection;
pub mod expedited;
mod front;
mod in_flight;
mod in_route;
mod limits;
mod origin;
pub mod request_id;
mod request_rate;
mod server;
mod tls;
mod under_way;

pub use client_address::client_address;
pub use front::{BareRefusal, Front, Refusal};
pub use in_flight::{Held, InFlight, NotHeld};
pub use in_route::{InRoute, OnAbandoned, RoutePattern};
pub use limits::FrontLimits;
pub use origin::Origin;
pub use request_rate::{RequestRates, TooOften, Who};
pub use server::serve;
pub use tls::{CertificateAndKey, ServerCertificate, UnusableCertificate};
pub use under_way::UnderWay;
