-- What a platform's operator looks at first, found without a look at all that the platform has: each by an index of its own.

-- Whose webhook it is that a lane belongs to. A release that does not know of it leaves it out, and it is noted a minute later.
ALTER TABLE lanes ADD COLUMN platform TEXT;
UPDATE lanes SET platform = (SELECT platform FROM webhooks WHERE webhooks.id = lanes.webhook_id);
-- Neither costs a delivery that succeeds anything: what they name changes when a lane begins to have something to do, and when it is held up, where
-- lanes_ready changes too.
CREATE INDEX lanes_platform_ready ON lanes (platform, ready_at, webhook_id) WHERE ready_at IS NOT NULL;
CREATE INDEX lanes_platform_held_up ON lanes (platform, webhook_id) WHERE penalty_box IS NOT NULL;

-- Whether somebody has shown that the receiver verifies with the current key. Of what a release writes that does not know of it, the webhook is looked at.
ALTER TABLE key_expiries ADD COLUMN is_adopted BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE key_expiries SET is_adopted = TRUE WHERE EXISTS (
    SELECT 1 FROM webhooks WHERE webhooks.id = key_expiries.webhook_id AND instr(webhooks.key_ring, CAST('"adoption":{' AS BLOB)) > 0
);
CREATE INDEX key_expiries_platform_unadopted ON key_expiries (platform, expires_at, webhook_id) WHERE NOT is_adopted;

CREATE INDEX roll_dues_platform ON roll_dues (platform, due_at, webhook_id);
UPDATE audit_chain SET newest_level = 32;
