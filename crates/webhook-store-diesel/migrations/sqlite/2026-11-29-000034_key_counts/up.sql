-- How many signing keys there are, for metrics: current keys by the minute in which they were made, retired keys in one row. Counted
-- with each change, because it would take a look at every webhook to find out.
CREATE TABLE key_counts (
    state TEXT NOT NULL,            -- current, retired
    made_at BIGINT NOT NULL,        -- the beginning of a minute; 0 for retired keys
    keys BIGINT NOT NULL,
    PRIMARY KEY (state, made_at)
) WITHOUT ROWID;

INSERT INTO key_counts
    SELECT 'current', coalesce(json_extract(CAST(key_ring AS TEXT), '$.rolled_at'), created_at) / 60000 * 60000 AS minute, count(*)
    FROM webhooks WHERE json_valid(CAST(key_ring AS TEXT)) AND json_extract(CAST(key_ring AS TEXT), '$.current') IS NOT NULL
    GROUP BY minute;
INSERT INTO key_counts
    SELECT 'retired', 0, coalesce(sum(json_array_length(CAST(key_ring AS TEXT), '$.retired')), 0)
    FROM webhooks WHERE json_valid(CAST(key_ring AS TEXT));
