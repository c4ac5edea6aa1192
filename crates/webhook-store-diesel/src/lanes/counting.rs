//! How what waits in lanes is counted.

/// Of a lane: a delivery behind the place up to which it is done, unless it was given up by request.
pub(crate) const WAITS: &str = "deliveries.webhook_id = lanes.webhook_id AND deliveries.position > lanes.done \
     AND (lanes.withdrawn = 0 OR deliveries.status = 'PENDING')";

/// Rows are found by their keys: left to choose, PostgreSQL reads all deliveries there are.
pub(crate) const BY_KEYS: &str = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off; \
     SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off; SET LOCAL statement_timeout = '8s'";
