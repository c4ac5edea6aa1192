UPDATE audit_chain SET newest_level = 31;
DROP INDEX roll_dues_platform;
ALTER TABLE lanes DROP COLUMN platform;
