ALTER TABLE lanes DROP COLUMN withdrawn;
