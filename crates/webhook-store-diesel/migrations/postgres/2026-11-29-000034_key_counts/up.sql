-- How many signing keys there are, for metrics: current keys by the minute in which they were made, retired keys in one row. Counted
-- with each change, because it would take a look at every webhook to find out.
CREATE TABLE key_counts (
    state TEXT NOT NULL,            -- current, retired
    made_at BIGINT NOT NULL,        -- the beginning of a minute; 0 for retired keys
    keys BIGINT NOT NULL,
    PRIMARY KEY (state, made_at)
);

-- Read as text: a ring that is not JSON must not stop the migration.
INSERT INTO key_counts
    SELECT 'current', coalesce(substring(ring FROM '"rolled_at":([0-9]{1,15})')::bigint, created_at) / 60000 * 60000 AS minute, count(*)
    FROM (SELECT encode(key_ring, 'escape') AS ring, created_at FROM webhooks) AS rings
    WHERE ring LIKE '%"current":{%' GROUP BY minute;
INSERT INTO key_counts
    SELECT 'retired', 0, coalesce(sum((length(ring) - length(replace(ring, '"expires_at":', ''))) / length('"expires_at":')), 0)
    FROM (SELECT encode(key_ring, 'escape') AS ring FROM webhooks) AS rings;
