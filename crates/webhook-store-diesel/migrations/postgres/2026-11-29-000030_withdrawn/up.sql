-- How many deliveries of the lane were given up because somebody asked for it: what was read of it before is to be read anew.
ALTER TABLE lanes ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
