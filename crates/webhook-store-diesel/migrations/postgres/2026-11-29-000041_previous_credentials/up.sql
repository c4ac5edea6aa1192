-- The credentials before those of the webhook, as JSON with sealed values. None for a webhook whose receiver need not know them any more.
ALTER TABLE webhooks ADD COLUMN previous_credentials BYTEA;
-- When they expire, for the sweep. A release that does not know of them deletes a webhook and leaves nothing behind here.
CREATE TABLE credential_expiries (
    webhook_id TEXT NOT NULL PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX credential_expiries_in_order ON credential_expiries (expires_at);
UPDATE audit_chain SET newest_level = 24;
