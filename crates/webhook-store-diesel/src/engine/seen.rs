//! What the writer has seen in the database and goes by, for as long as its connection lasts: the next may lead to a standby that took
//! over and lacks what was seen, where the same number of changes is not the same changes.

use crate::events::audience::Audiences;
use crate::lanes::key_uses::KnownUses;

/// Of one connection.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) audiences: Audiences,
    pub(crate) uses: KnownUses,
}
