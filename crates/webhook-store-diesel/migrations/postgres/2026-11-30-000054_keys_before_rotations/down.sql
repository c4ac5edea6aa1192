ALTER TABLE rotation_webhooks DROP COLUMN key_before;
ALTER TABLE key_expiries DROP COLUMN is_adopted;
UPDATE audit_chain SET newest_level = 33;
