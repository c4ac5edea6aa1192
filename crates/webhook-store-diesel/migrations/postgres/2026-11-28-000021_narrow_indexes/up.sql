-- When a key of a webhook expires next, for the sweep. It is no column of the webhooks: with an index on it a roll that keeps the
-- previous key would write a new entry into every index of theirs (no heap-only tuples).
CREATE TABLE key_expiries (
    expires_at BIGINT NOT NULL,
    webhook_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    PRIMARY KEY (expires_at, webhook_id)
);

INSERT INTO key_expiries SELECT next_key_expiry, id, platform FROM webhooks WHERE next_key_expiry IS NOT NULL;
DROP INDEX webhooks_next_key_expiry;
ALTER TABLE webhooks DROP COLUMN next_key_expiry;

-- A delivery is found by its lane and its place in it. With an index on the place alone, the order of one lane's would be had by
-- reading those of all others.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey;
DROP INDEX deliveries_lane;
ALTER TABLE deliveries ADD PRIMARY KEY (webhook_id, position);

UPDATE audit_chain SET schema_level = 21;
