ALTER TABLE deliveries DROP COLUMN early;
UPDATE audit_chain SET newest_level = 34;
