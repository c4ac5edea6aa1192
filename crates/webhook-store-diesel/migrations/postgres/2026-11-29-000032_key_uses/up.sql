-- By which webhooks' deliveries a key was used: a row for each, written when the first attempt that it signed is recorded. A list of what it
-- signed then reads these deliveries, from the first one on, and not those of the whole platform.
CREATE TABLE key_uses (
    platform TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    first_position BIGINT NOT NULL, -- of the first delivery that it signed; one that is sent again moves up
    PRIMARY KEY (platform, fingerprint, webhook_id)
);

INSERT INTO key_uses
    SELECT platform, found.parts[1], webhook_id, min(position)
    FROM deliveries, regexp_matches(attempts, '"(sha256:[0-9a-f]{16})"', 'g') AS found (parts)
    GROUP BY 1, 2, 3;
