-- Headers of the webhook's owner as JSON: a list of names, each with its sealed value. None for a webhook without.
ALTER TABLE webhooks ADD COLUMN custom_headers BLOB;
