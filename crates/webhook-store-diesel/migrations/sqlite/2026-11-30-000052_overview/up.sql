-- What a platform's operator looks at first, found without a look at all that the platform has: each by an index of its own.

-- Whose webhook it is that a lane belongs to. A release that does not know of it leaves it out, and it is noted a minute later.
ALTER TABLE lanes ADD COLUMN platform TEXT;
UPDATE lanes SET platform = (SELECT platform FROM webhooks WHERE webhooks.id = lanes.webhook_id);

-- Whether somebody has shown that the receiver verifies with the current key. Of what a release writes that does not know of it, the webhook is looked at.
ALTER TABLE key_expiries ADD COLUMN is_adopted BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE key_expiries SET is_adopted = TRUE WHERE EXISTS (
    SELECT 1 FROM webhooks WHERE webhooks.id = key_expiries.webhook_id AND instr(webhooks.key_ring, CAST('"adoption":{' AS BLOB)) > 0
);

CREATE INDEX roll_dues_platform ON roll_dues (platform, due_at, webhook_id);
UPDATE audit_chain SET newest_level = 32;
