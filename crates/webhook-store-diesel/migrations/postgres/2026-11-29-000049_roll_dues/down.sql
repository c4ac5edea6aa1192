UPDATE audit_chain SET newest_level = 28;
DROP TABLE roll_dues;
ALTER TABLE webhooks DROP COLUMN secret_rotates_automatically;
ALTER TABLE webhooks DROP COLUMN secret_rotation_days;
