ALTER TABLE rotation_webhooks DROP COLUMN key_before;
UPDATE audit_chain SET newest_level = 33;
