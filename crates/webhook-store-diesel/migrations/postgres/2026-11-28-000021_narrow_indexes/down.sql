UPDATE audit_chain SET schema_level = 20;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey;
ALTER TABLE deliveries ADD PRIMARY KEY (position);
CREATE INDEX deliveries_lane ON deliveries (webhook_id, position);
ALTER TABLE webhooks ADD COLUMN next_key_expiry BIGINT;
UPDATE webhooks SET next_key_expiry = (SELECT expires_at FROM key_expiries WHERE webhook_id = webhooks.id);
CREATE INDEX webhooks_next_key_expiry ON webhooks (next_key_expiry) WHERE next_key_expiry IS NOT NULL;
DROP TABLE key_expiries;
