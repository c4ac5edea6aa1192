-- How many webhooks a platform has, so that nobody counts them.
CREATE TABLE platforms (
    platform TEXT NOT NULL PRIMARY KEY,
    webhooks BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO platforms SELECT platform, count(*) FROM webhooks GROUP BY platform;

-- The newest audit record of what may have many: the way to all of them, instead of an index.
ALTER TABLE webhooks ADD COLUMN last_audit BIGINT;
UPDATE webhooks SET last_audit = (SELECT max(position) FROM audit_records WHERE resource_id = webhooks.id);

DROP INDEX webhooks_platform;
CREATE INDEX webhooks_created_at ON webhooks (platform, created_at, id);
CREATE INDEX webhooks_updated_at ON webhooks (platform, updated_at, id);
CREATE INDEX webhooks_name ON webhooks (platform, coalesce(name, ''), id);
CREATE INDEX webhooks_reference_or_none ON webhooks (platform, coalesce(reference, ''), id);

ALTER TABLE api_keys ADD COLUMN name TEXT;
ALTER TABLE api_keys ADD COLUMN last_audit BIGINT;
UPDATE api_keys SET last_audit = (SELECT max(position) FROM audit_records WHERE resource_id = api_keys.id);
CREATE INDEX api_keys_scope ON api_keys (scope, id);

-- The newest audit record of a webhook that is no more.
CREATE TABLE audit_ends (
    resource_id TEXT NOT NULL PRIMARY KEY,
    last_audit BIGINT NOT NULL
) WITHOUT ROWID;

-- Positions are given by the chain from now on, and have no gaps.
CREATE TABLE chained_audit_records (
    position INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    platform TEXT NOT NULL,
    at BIGINT NOT NULL,
    credential TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    details TEXT NOT NULL,         -- JSON
    previous BIGINT,               -- the record before of the same resource
    mac BLOB NOT NULL              -- over this record and the mac of the one before; empty until it is chained
);

INSERT INTO chained_audit_records
SELECT position, id, platform, at, credential, request_id, action, resource_id, details,
    lag(position) OVER (PARTITION BY resource_id ORDER BY position), x''
FROM audit_records;

DROP TABLE audit_records;
ALTER TABLE chained_audit_records RENAME TO audit_records;
CREATE INDEX audit_records_platform ON audit_records (platform, id);

-- One row: the head of the chain. Whoever writes anything locks it first.
CREATE TABLE audit_chain (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    chain_key BLOB NOT NULL,       -- sealed
    position BIGINT NOT NULL,      -- of the newest record; 0 when there is none
    mac BLOB NOT NULL,             -- of the newest record
    seal BLOB NOT NULL,            -- over position and mac
    sealing_key TEXT NOT NULL      -- the master key that new values are sealed under
);

-- While one master key takes the place of another there are two, each sealed here under the other.
ALTER TABLE master_keys ADD COLUMN bridge BLOB;

-- They are sealed for another place from now on. No release has written any.
DELETE FROM idempotent_answers;
