-- The id of the newest audit record. The next one has a greater one, whatever the clock shows: lists go by ids, and records are in the
-- order in which they were written.
ALTER TABLE audit_chain ADD COLUMN newest_id TEXT NOT NULL DEFAULT '';
UPDATE audit_chain SET newest_id = coalesce((SELECT max(id) FROM audit_records), '');
