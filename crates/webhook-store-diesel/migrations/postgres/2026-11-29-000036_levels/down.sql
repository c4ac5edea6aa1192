ALTER TABLE audit_chain DROP COLUMN newest_level;
