UPDATE audit_chain SET newest_level = 23;
DROP TABLE credential_expiries;
ALTER TABLE webhooks DROP COLUMN previous_credentials;
