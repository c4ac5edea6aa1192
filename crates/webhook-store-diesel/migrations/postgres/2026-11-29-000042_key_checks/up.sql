-- The checks of keys of the last hour, of all processes: so that there are not too many, and one at a time of a webhook and at a host. A check
-- is rare, and each one that begins deletes those that are older.
CREATE TABLE key_checks (
    id TEXT NOT NULL PRIMARY KEY,
    webhook_id TEXT NOT NULL,
    host TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    on_request BOOLEAN NOT NULL,    -- or else made by the service of its own accord
    is_over BOOLEAN NOT NULL
);
CREATE INDEX key_checks_webhook ON key_checks (webhook_id);
CREATE INDEX key_checks_host ON key_checks (host);
CREATE INDEX key_checks_begun ON key_checks (begun_at);
UPDATE audit_chain SET newest_level = 25;
