UPDATE audit_chain SET newest_level = 31;
DROP INDEX roll_dues_platform;
DROP INDEX key_expiries_platform_unadopted;
ALTER TABLE key_expiries DROP COLUMN is_adopted;
DROP INDEX lanes_platform_held_up;
DROP INDEX lanes_platform_ready;
ALTER TABLE lanes DROP COLUMN platform;
