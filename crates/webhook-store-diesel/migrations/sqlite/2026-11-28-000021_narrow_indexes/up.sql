-- When a key of a webhook expires next, for the sweep.
CREATE TABLE key_expiries (
    expires_at BIGINT NOT NULL,
    webhook_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    PRIMARY KEY (expires_at, webhook_id)
);

INSERT INTO key_expiries SELECT next_key_expiry, id, platform FROM webhooks WHERE next_key_expiry IS NOT NULL;
DROP INDEX webhooks_next_key_expiry;
ALTER TABLE webhooks DROP COLUMN next_key_expiry;

UPDATE audit_chain SET schema_level = 21;
