ALTER TABLE webhooks DROP COLUMN custom_headers;
