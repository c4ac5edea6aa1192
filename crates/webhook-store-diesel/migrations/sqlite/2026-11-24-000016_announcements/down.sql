DROP INDEX webhooks_wants_announcements;
ALTER TABLE webhooks DROP COLUMN wants_announcements;
