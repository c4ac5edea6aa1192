ALTER TABLE master_keys DROP COLUMN bridge;
DROP TABLE audit_chain;
DROP INDEX audit_records_platform;
CREATE TABLE unchained_audit_records (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    platform TEXT NOT NULL,
    at BIGINT NOT NULL,
    credential TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    details TEXT NOT NULL
);
INSERT INTO unchained_audit_records
SELECT position, id, platform, at, credential, request_id, action, resource_id, details FROM audit_records;
DROP TABLE audit_records;
ALTER TABLE unchained_audit_records RENAME TO audit_records;
CREATE INDEX audit_records_resource ON audit_records (resource_id, position);
DROP TABLE audit_ends;
DROP INDEX api_keys_scope;
ALTER TABLE api_keys DROP COLUMN last_audit;
ALTER TABLE api_keys DROP COLUMN name;
DROP INDEX webhooks_created_at;
DROP INDEX webhooks_updated_at;
DROP INDEX webhooks_name;
DROP INDEX webhooks_reference_or_none;
CREATE INDEX webhooks_platform ON webhooks (platform, id);
ALTER TABLE webhooks DROP COLUMN last_audit;
DROP TABLE platforms;
DELETE FROM idempotent_answers;
