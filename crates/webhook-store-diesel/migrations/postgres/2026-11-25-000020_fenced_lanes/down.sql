ALTER TABLE audit_chain DROP COLUMN schema_level;
ALTER TABLE audit_chain RENAME COLUMN sealed_under TO sealing_key;
ALTER TABLE webhooks ADD COLUMN wants_announcements BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE webhooks SET wants_announcements = TRUE WHERE included_actions LIKE '%"WEBHOOK.%';
CREATE INDEX webhooks_wants_announcements ON webhooks (platform) WHERE wants_announcements;
ALTER TABLE platforms DROP COLUMN routing;
DROP TABLE fan_out_heads;
DROP TABLE fan_outs;
DROP TABLE subscriptions;
DROP TABLE failed_deliveries;
CREATE TABLE delivery_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL
);
INSERT INTO delivery_head SELECT 1, last_value FROM delivery_positions;
DROP SEQUENCE delivery_positions;
ALTER TABLE deliveries DROP COLUMN tried;
DELETE FROM processes;
ALTER TABLE processes RENAME COLUMN lease_ends_at TO alive_until;
DROP INDEX lanes_ready;
CREATE INDEX lanes_owner ON lanes (owner);
ALTER TABLE lanes DROP COLUMN ready_at;
ALTER TABLE lanes DROP COLUMN epoch;
