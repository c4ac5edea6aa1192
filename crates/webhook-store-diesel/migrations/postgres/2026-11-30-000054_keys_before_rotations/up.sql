-- Which key a webhook had when its rotation began: whether it was rolled since is told by that, and by no clock. Empty if it had none; null in what
-- a release has written that does not know of it, where the instants are compared as before.
ALTER TABLE rotation_webhooks ADD COLUMN key_before TEXT;
-- Whether somebody has shown that the receiver verifies with the current key. Where it says no, the webhook is looked at: a release that does not know of it
-- has written it, or the key was there before the column.
ALTER TABLE key_expiries ADD COLUMN IF NOT EXISTS is_adopted BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE audit_chain SET newest_level = 34;
