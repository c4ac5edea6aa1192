UPDATE audit_chain SET newest_level = 26;
DROP TABLE signing_keys;
