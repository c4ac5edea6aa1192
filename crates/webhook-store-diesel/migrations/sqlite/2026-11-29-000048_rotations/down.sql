UPDATE audit_chain SET newest_level = 27;
DROP TABLE rotation_webhooks;
DROP TABLE rotations;
