UPDATE audit_chain SET newest_level = 22;
ALTER TABLE events DROP COLUMN trace;
