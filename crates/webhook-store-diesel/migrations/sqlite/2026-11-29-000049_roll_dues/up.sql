-- After how many days the key of a webhook is due for a roll, and whether the service rolls it.
ALTER TABLE webhooks ADD COLUMN secret_rotation_days BIGINT;
ALTER TABLE webhooks ADD COLUMN secret_rotates_automatically BOOLEAN NOT NULL DEFAULT FALSE;
-- When that is, for webhooks with such days and a current key. It is no column of the webhooks: an index on it would cost a roll of any
-- other webhook something. A release that does not know of it deletes a webhook and leaves nothing behind here.
CREATE TABLE roll_dues (
    webhook_id TEXT NOT NULL PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    platform TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    counted_from BIGINT NOT NULL,   -- from when on the days are counted by that
    since BIGINT NOT NULL,          -- since when the key is the current one: later than that if a clock was ahead then
    is_done BOOLEAN NOT NULL        -- whether nothing is left to be done once it is due
);
CREATE INDEX roll_dues_in_order ON roll_dues (is_done, due_at, webhook_id);
CREATE INDEX roll_dues_counted_from ON roll_dues (counted_from);
UPDATE audit_chain SET newest_level = 29;
