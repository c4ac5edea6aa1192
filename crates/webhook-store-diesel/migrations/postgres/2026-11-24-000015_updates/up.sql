-- When each webhook was changed last, for lists in that order. It is not an index of the webhooks: with one on that column a roll
-- would write a new entry into every index of theirs (no heap-only tuples).
CREATE TABLE webhook_updates (
    platform TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    webhook_id TEXT NOT NULL,
    PRIMARY KEY (platform, updated_at, webhook_id)
);

INSERT INTO webhook_updates SELECT platform, updated_at, id FROM webhooks;
