-- Whether the transaction that wrote a delivery let go of its queue before it was on disk. Then whoever reads the delivery to send it has that
-- transaction written to disk first. A release that does not know of it writes false, which is so of what it writes.
ALTER TABLE deliveries ADD COLUMN early BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE audit_chain SET newest_level = 35;
