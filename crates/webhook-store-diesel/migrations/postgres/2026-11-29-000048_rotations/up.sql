-- Rotations: the secrets of many webhooks rolled, one after the other. One that is being prepared is nobody's yet and is shown to nobody; what
-- a crash has left of one is deleted with the next that begins.
CREATE TABLE rotations (
    id TEXT NOT NULL PRIMARY KEY,
    platform TEXT NOT NULL,
    status TEXT NOT NULL,           -- PREPARING, RUNNING, STOPPED or DONE
    running_on TEXT,                -- the platform while it runs
    stop_reason TEXT,
    orders TEXT NOT NULL,           -- JSON, without secrets
    begun_by TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    total BIGINT NOT NULL,
    rolled BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    runner TEXT,                    -- the process that works at it
    epoch BIGINT NOT NULL,          -- how often that has changed
    claimed_until BIGINT NOT NULL
);
CREATE INDEX rotations_platform ON rotations (platform, id);
CREATE UNIQUE INDEX rotations_running ON rotations (running_on);
-- What became of each of its webhooks, which may have been deleted since.
CREATE TABLE rotation_webhooks (
    rotation_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    webhook_id TEXT NOT NULL,
    outcome TEXT,                   -- null until it is settled
    reason TEXT,
    key_id TEXT,                    -- the new key, if it was rolled
    settled_at BIGINT,
    adopted BOOLEAN NOT NULL,
    PRIMARY KEY (rotation_id, number)
);
CREATE INDEX rotation_webhooks_webhook ON rotation_webhooks (webhook_id);
CREATE INDEX rotation_webhooks_adopted ON rotation_webhooks (rotation_id) WHERE adopted;
UPDATE audit_chain SET newest_level = 28;
