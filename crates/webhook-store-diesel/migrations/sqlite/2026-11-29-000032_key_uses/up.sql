-- By which webhooks' deliveries a key was used: a row for each, written when the first attempt that it signed is recorded. A list of what it
-- signed then reads these deliveries, from the first one on, and not those of the whole platform.
CREATE TABLE key_uses (
    platform TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    first_position BIGINT NOT NULL, -- of the first delivery that it signed; one that is sent again moves up
    PRIMARY KEY (platform, fingerprint, webhook_id)
);

-- The attempts are cut behind each fingerprint's beginning, over and over.
INSERT INTO key_uses
    WITH RECURSIVE found (platform, webhook_id, position, cuts, rest) AS (
        SELECT platform, webhook_id, position, 0, attempts FROM deliveries WHERE attempts <> ''
        UNION ALL
        SELECT platform, webhook_id, position, cuts + 1, substr(rest, instr(rest, '"sha256:') + 8)
        FROM found WHERE instr(rest, '"sha256:') > 0
    )
    SELECT platform, 'sha256:' || substr(rest, 1, 16), webhook_id, min(position) FROM found
    WHERE cuts > 0 AND substr(rest, 17, 1) = '"' AND substr(rest, 1, 16) NOT GLOB '*[^0-9a-f]*'
    GROUP BY 1, 2, 3;
