-- The keys of one webhook that have ended, those that ended last first: for the picture of its keys over time.
CREATE INDEX signing_keys_of_webhook ON signing_keys (webhook_id, ended_at) WHERE ended_at IS NOT NULL;
UPDATE audit_chain SET newest_level = 33;
