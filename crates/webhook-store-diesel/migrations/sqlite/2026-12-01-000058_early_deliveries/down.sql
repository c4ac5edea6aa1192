ALTER TABLE deliveries DROP COLUMN early_at;
UPDATE audit_chain SET newest_level = 34;
