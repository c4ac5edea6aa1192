//! What any web front of the service needs of actix, whatever it answers: the API, a console for operators.
//!
//! [`serve`] is actix's server over connections that are timed and bounded, so that no client holds anything for long without
//! finishing what it began. A front brings its actix application and a [`Front`]: its limits, where request ids come from, and
//! its own words for what actix refuses before the application sees a request.
//!
//! | a front needs | it takes |
//! |---|---|
//! | timers of heads and answers, a bound on open connections and on unfinished heads | [`serve`], [`FrontLimits`] |
//! | to tell the connection of each request | [`UnderWay`], in the outermost middleware |
//! | a body, of a limited length and in time | [`body`] |
//! | the name of a request | [`request_id`] |
//! | the client's address, behind proxies too | [`client_address()`], and [`Origin`] to count by it |
//! | one request at a time for each of many keys | [`InFlight`] |
//!
//! A front must put [`UnderWay`] around every request and `X-REQUEST-ID` on every answer. The connection knows by the first when
//! the client's turn is over, and by the second which answers are the front's own and which are actix's.
//!
//! Nothing here knows a route, a credential or a form of answers, and no front knows another.

pub mod body;
mod client_address;
mod connection;
mod front;
mod in_flight;
mod limits;
mod origin;
pub mod request_id;
mod server;
mod under_way;

pub use client_address::client_address;
pub use front::{BareRefusal, Front, Refusal};
pub use in_flight::{Held, InFlight, NotHeld};
pub use limits::FrontLimits;
pub use origin::Origin;
pub use server::serve;
pub use under_way::UnderWay;
