DROP TABLE master_keys;
DROP TABLE api_keys;
DROP TABLE idempotent_answers;
DROP TABLE audit_records;
DROP TABLE webhooks;
