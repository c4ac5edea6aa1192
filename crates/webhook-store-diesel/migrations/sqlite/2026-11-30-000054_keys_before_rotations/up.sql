-- Which key a webhook had when its rotation began: whether it was rolled since is told by that, and by no clock. Empty if it had none; null in what
-- a release has written that does not know of it, where the instants are compared as before.
ALTER TABLE rotation_webhooks ADD COLUMN key_before TEXT;
UPDATE audit_chain SET newest_level = 34;
