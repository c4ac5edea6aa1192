-- Whether a webhook names an action of the service's own: few do, and every change of a webhook asks for them.
ALTER TABLE webhooks ADD COLUMN wants_announcements BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE webhooks SET wants_announcements = TRUE WHERE included_actions LIKE '%"WEBHOOK.%';
CREATE INDEX webhooks_wants_announcements ON webhooks (platform) WHERE wants_announcements;
