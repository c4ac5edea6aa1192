UPDATE audit_chain SET newest_level = 32;
DROP INDEX signing_keys_of_webhook;
