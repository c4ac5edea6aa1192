//! Files that the server reads or makes beside its database: what settings name, the master key, and those with secrets in them.

pub(crate) mod actions;
pub(crate) mod bearer_tokens;
pub(crate) mod inbound_tls;
pub(crate) mod master_key;
pub(crate) mod outbound_tls;
pub(crate) mod private_file;
