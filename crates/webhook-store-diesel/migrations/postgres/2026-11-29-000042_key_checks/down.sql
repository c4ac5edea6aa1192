UPDATE audit_chain SET newest_level = 24;
DROP TABLE key_checks;
