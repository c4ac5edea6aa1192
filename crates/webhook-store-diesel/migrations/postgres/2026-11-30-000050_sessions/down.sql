UPDATE audit_chain SET newest_level = 29;
DROP TABLE sessions;
