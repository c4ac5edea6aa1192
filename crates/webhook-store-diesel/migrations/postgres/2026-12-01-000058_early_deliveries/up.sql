-- When, by the database's clock and in milliseconds, a delivery was written by a transaction that let go of its queue before it was on disk. For a minute, whoever reads
-- the delivery in order to send it has that transaction written to disk first. Null, as a release writes that does not know of it, where the commit was on disk at once.
ALTER TABLE deliveries ADD COLUMN early_at BIGINT;
UPDATE audit_chain SET newest_level = 35;
