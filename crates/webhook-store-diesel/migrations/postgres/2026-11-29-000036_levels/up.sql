-- The level of the newest release that has migrated the schema. `schema_level` stays what it is: the oldest level that may still write. A migration
-- that only adds raises `newest_level` alone, and releases from `schema_level` on run beside the one that it belongs to.
ALTER TABLE audit_chain ADD COLUMN newest_level BIGINT NOT NULL DEFAULT 22;
