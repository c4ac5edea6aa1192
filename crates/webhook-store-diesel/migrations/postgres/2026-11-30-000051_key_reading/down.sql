UPDATE audit_chain SET newest_level = 30;
DROP INDEX signing_keys_to_settle;
DROP TABLE key_reading;
