-- When each webhook was changed last, for lists in that order.
CREATE TABLE webhook_updates (
    platform TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    webhook_id TEXT NOT NULL,
    PRIMARY KEY (platform, updated_at, webhook_id)
) WITHOUT ROWID;

INSERT INTO webhook_updates SELECT platform, updated_at, id FROM webhooks;
DROP INDEX webhooks_updated_at;
