-- How far the audit records were read for what they say of signing keys: a roll writes its record alone, and what signing_keys has of its keys is
-- read there a moment later. Releases before this one write rows with their rolls; what the records say of the same keys is the same.
CREATE TABLE key_reading (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL    -- of the last record that was read
);
INSERT INTO key_reading (id, position) VALUES (1, 0);
-- Keys with an end that is to be settled once it has come.
CREATE INDEX signing_keys_to_settle ON signing_keys (ended_at) WHERE last_position IS NULL AND ended_at IS NOT NULL;
UPDATE audit_chain SET newest_level = 31;
