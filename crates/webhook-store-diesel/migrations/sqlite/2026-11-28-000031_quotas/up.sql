-- How many deliveries wait on a platform, at the most: what was accepted is added, and what has come to its end is noticed by a count.
-- There is a row only where a quota is judged.
CREATE TABLE pending_counts (
    platform TEXT NOT NULL PRIMARY KEY,
    pending BIGINT NOT NULL
) WITHOUT ROWID;

-- The API keys that a quota counts.
CREATE INDEX api_keys_in_force ON api_keys (scope, expires_at) WHERE revoked_at IS NULL;
