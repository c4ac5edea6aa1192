DROP TABLE webhook_updates;
CREATE INDEX webhooks_updated_at ON webhooks (platform, updated_at, id);
