-- How many webhooks a platform has, so that nobody counts them.
CREATE TABLE platforms (
    platform TEXT NOT NULL PRIMARY KEY,
    webhooks BIGINT NOT NULL
);

INSERT INTO platforms SELECT platform, count(*) FROM webhooks GROUP BY platform;

-- The newest audit record of what may have many: the way to all of them, instead of an index.
ALTER TABLE webhooks ADD COLUMN last_audit BIGINT;
UPDATE webhooks SET last_audit = (SELECT max(position) FROM audit_records WHERE resource_id = webhooks.id);

DROP INDEX webhooks_platform;
CREATE INDEX webhooks_created_at ON webhooks (platform, created_at, id);
-- None on updated_at: with one, a roll would write a new entry into every index of the table (no heap-only tuples), and
-- rolls come before lists in that order, which sort the platform's webhooks here.
CREATE INDEX webhooks_name ON webhooks (platform, (coalesce(name, '') COLLATE "C"), id);
CREATE INDEX webhooks_reference_or_none ON webhooks (platform, (coalesce(reference, '') COLLATE "C"), id);

ALTER TABLE api_keys ADD COLUMN name TEXT;
ALTER TABLE api_keys ADD COLUMN last_audit BIGINT;
UPDATE api_keys SET last_audit = (SELECT max(position) FROM audit_records WHERE resource_id = api_keys.id);
CREATE INDEX api_keys_scope ON api_keys (scope, id);

-- The newest audit record of a webhook that is no more.
CREATE TABLE audit_ends (
    resource_id TEXT NOT NULL PRIMARY KEY,
    last_audit BIGINT NOT NULL
);

-- Positions are given by the chain from now on, and have no gaps.
ALTER TABLE audit_records ALTER COLUMN position DROP IDENTITY;
ALTER TABLE audit_records ADD COLUMN previous BIGINT;                    -- the record before of the same resource
ALTER TABLE audit_records ADD COLUMN mac BYTEA NOT NULL DEFAULT ''::bytea; -- over this record and the mac of the one before
ALTER TABLE audit_records ALTER COLUMN mac DROP DEFAULT;

UPDATE audit_records SET previous = earlier.position FROM (
    SELECT position AS of, lag(position) OVER (PARTITION BY resource_id ORDER BY position) AS position FROM audit_records
) AS earlier WHERE earlier.of = audit_records.position;

DROP INDEX audit_records_resource;
CREATE INDEX audit_records_platform ON audit_records (platform, id);

-- One row: the head of the chain. Whoever writes anything locks it first.
CREATE TABLE audit_chain (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    chain_key BYTEA NOT NULL,       -- sealed
    position BIGINT NOT NULL,      -- of the newest record; 0 when there is none
    mac BYTEA NOT NULL,             -- of the newest record
    seal BYTEA NOT NULL,            -- over position and mac
    sealing_key TEXT NOT NULL      -- the master key that new values are sealed under
);

-- While one master key takes the place of another there are two, each sealed here under the other.
ALTER TABLE master_keys ADD COLUMN bridge BYTEA;

-- They are sealed for another place from now on. No release has written any.
DELETE FROM idempotent_answers;
