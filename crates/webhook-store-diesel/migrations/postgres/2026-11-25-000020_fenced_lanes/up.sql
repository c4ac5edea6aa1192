-- Who works at a lane is fenced by an epoch, and a lane says itself from when on it has something to do.
ALTER TABLE lanes ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;       -- how often it changed hands
ALTER TABLE lanes ALTER COLUMN epoch DROP DEFAULT;
ALTER TABLE lanes ADD COLUMN ready_at BIGINT;                       -- null while it has nothing to do

-- A lane is made with its webhook from now on.
INSERT INTO lanes (webhook_id, owner, done, epoch)
    SELECT id, '', 0, 1 FROM webhooks WHERE NOT EXISTS (SELECT 1 FROM lanes WHERE lanes.webhook_id = webhooks.id);
DELETE FROM lanes WHERE NOT EXISTS (SELECT 1 FROM webhooks WHERE webhooks.id = lanes.webhook_id);
UPDATE lanes SET ready_at = 0 WHERE EXISTS (
    SELECT 1 FROM deliveries WHERE deliveries.webhook_id = lanes.webhook_id AND deliveries.position > lanes.done
);
DROP INDEX lanes_owner;
CREATE INDEX lanes_ready ON lanes (ready_at, webhook_id) WHERE ready_at IS NOT NULL;

-- An owner without a row here has ended. What stands here is of an older release, which is refused from now on: it does not know
-- the new name, so one that still runs can neither live on nor take lanes.
DELETE FROM processes;
ALTER TABLE processes RENAME COLUMN alive_until TO lease_ends_at;

-- How many attempts of a delivery are recorded: the column of attempts keeps the last ones alone.
ALTER TABLE deliveries ADD COLUMN tried BIGINT NOT NULL DEFAULT 0;
UPDATE deliveries SET tried = length(attempts) - length(replace(attempts, chr(10), '')) WHERE attempts <> '';
ALTER TABLE deliveries ALTER COLUMN tried DROP DEFAULT;

-- Positions come from a sequence. They are drawn while the lanes are locked that they are for.
CREATE SEQUENCE delivery_positions CACHE 1;
SELECT setval('delivery_positions', position + 1) FROM delivery_head;
DROP TABLE delivery_head;

-- The deliveries that were given up, so that a list of them costs what it finds. No index of deliveries has the status.
CREATE TABLE failed_deliveries (
    position BIGINT NOT NULL PRIMARY KEY,
    platform TEXT NOT NULL
);
CREATE INDEX failed_deliveries_platform ON failed_deliveries (platform, position);
INSERT INTO failed_deliveries SELECT position, platform FROM deliveries WHERE status = 'FAILED';

-- Who wants which action: `*` for all that the platform publishes, unless ruled out.
CREATE TABLE subscriptions (
    platform TEXT NOT NULL,
    action TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    ruled_out BOOLEAN NOT NULL,
    include_previous_data BOOLEAN NOT NULL,
    PRIMARY KEY (platform, action, webhook_id)
);

INSERT INTO subscriptions
    SELECT platform, '*', id, FALSE, include_previous_data FROM webhooks
    WHERE active AND coalesce(included_actions, '[]') = '[]';
INSERT INTO subscriptions
    SELECT platform, action, id, TRUE, include_previous_data
    FROM webhooks, json_array_elements_text(excluded_actions::json) AS excluded (action)
    WHERE active AND coalesce(included_actions, '[]') = '[]' AND excluded_actions LIKE '[%]'
        AND action NOT LIKE 'WEBHOOK.%';
INSERT INTO subscriptions
    SELECT platform, action, id, FALSE, include_previous_data
    FROM webhooks, json_array_elements_text(included_actions::json) AS included (action)
    WHERE active AND included_actions LIKE '[%]'
        AND NOT coalesce(excluded_actions::jsonb, '[]'::jsonb) ? action;

-- Counts the changes of a platform's subscriptions, so that who wants an action is looked up once and not for every event.
ALTER TABLE platforms ADD COLUMN routing BIGINT NOT NULL DEFAULT 0;
ALTER TABLE platforms ALTER COLUMN routing DROP DEFAULT;

-- An event for many webhooks is accepted with its recipients in chunks, which are moved into their lanes one after the other.
CREATE TABLE fan_outs (
    platform TEXT NOT NULL,
    number BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    recipients TEXT NOT NULL,       -- ids, each with whether previous data is included
    PRIMARY KEY (platform, number)
);
CREATE INDEX fan_outs_event ON fan_outs (event_id);

-- How many chunks of a platform there are. Whoever adds or moves one locks this.
CREATE TABLE fan_out_heads (
    platform TEXT NOT NULL PRIMARY KEY,
    chunks BIGINT NOT NULL
);

DROP INDEX webhooks_wants_announcements;
ALTER TABLE webhooks DROP COLUMN wants_announcements;

-- The oldest schema whose processes may write. An older release does not know the new name and so cannot write at all.
ALTER TABLE audit_chain RENAME COLUMN sealing_key TO sealed_under;
ALTER TABLE audit_chain ADD COLUMN schema_level BIGINT NOT NULL DEFAULT 20;
ALTER TABLE audit_chain ALTER COLUMN schema_level DROP DEFAULT;
